"""Home and system endpoints."""

from http import HTTPStatus
from typing import Any, Final

from pibridge.simulator import times
from pibridge.simulator.call import Answer, Call, Refused, Route


def home(call: Call) -> dict[str, Any]:
    """Answer the landing page."""
    names = {
        "Self": "",
        "AssetServers": "assetservers",
        "DataServers": "dataservers",
        "Search": "search",
        "System": "system",
    }
    return {"Links": {name: f"{call.base}/{tail}" for name, tail in names.items()}}


def system(call: Call) -> dict[str, Any]:
    """Answer product and version."""
    at = f"{call.base}/system"
    tails = ("CacheInstances", "Configuration", "UserInfo", "Versions", "Status")
    links = {"Self": at, **{tail: f"{at}/{tail.lower()}" for tail in tails}}
    return {"ProductTitle": "PI Web API (simulated)", "ProductVersion": call.settings.version, "Links": links}


def user_info(call: Call) -> Answer:
    """Answer who asks; nobody gets 204."""
    if call.user is None:
        return Answer(None, HTTPStatus.NO_CONTENT)
    body = {
        "IdentityType": "WindowsIdentity",
        "Name": call.user,
        "IsAuthenticated": True,
        "SID": "S-1-5-21-1085324414-1890137325-7253497231-1001",
        "ImpersonationLevel": "Impersonation",
    }
    return Answer(body)


def status(call: Call) -> dict[str, Any]:
    """Answer the state of the service, to administrators."""
    _admins_only(call)
    return {"UpTimeInMinutes": 1.0, "State": "Running", "CacheInstances": 1, "ServerTime": times.text(call.now)}


def versions(call: Call) -> dict[str, Any]:
    """Answer the versions of the assemblies, to administrators."""
    _admins_only(call)
    version = call.settings.version
    return {"OSIsoft.REST": {"FullVersion": version, "MajorMinorRevision": version.rpartition(".")[0], "Build": "0"}}


def _admins_only(call: Call) -> None:
    if call.user not in call.settings.admins:
        raise Refused(HTTPStatus.FORBIDDEN, "Access to this resource is restricted to PI Web API Admins.")


ROUTES: Final[list[Route]] = [
    ("GET", "/", home),
    ("GET", "/system", system),
    ("GET", "/system/userinfo", user_info),
    ("GET", "/system/status", status),
    ("GET", "/system/versions", versions),
]
