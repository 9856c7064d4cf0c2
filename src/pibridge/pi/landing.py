"""What server this is, and whom it takes us for."""

from dataclasses import dataclass
from typing import Final

from pibridge.errors import PIBridgeError, RejectedError
from pibridge.pi.client import PiClient
from pibridge.pi.wire import Home, Reader, SystemLanding, UserInfo


@dataclass(frozen=True)
class Landing:
    """`product_version`: of PI Web API, empty if it does not tell. `user`: whom PI takes us for, empty for nobody."""

    product_version: str
    user: str


_read_home: Final = Reader(Home)
_read_system: Final = Reader(SystemLanding)
_read_user: Final = Reader(UserInfo)


async def landing(client: PiClient) -> Landing:
    """Ask the server who it is and who we are. Raises what `PiClient.get` raises."""
    home = await client.get("/", [], _read_home)
    if "DataServers" not in home.links:
        raise PIBridgeError(
            f"{client.settings.url} answers, but it is no PI Web API", hint="pi.url usually ends in /piwebapi"
        )
    return Landing(await _version(client), await _user(client))


async def _version(client: PiClient) -> str:
    try:
        return (await client.get("/system", [], _read_system)).product_version
    except RejectedError:
        return ""


async def _user(client: PiClient) -> str:
    # No identity at all is a 204, which has no body.
    info = await client.get("/system/userinfo", [], lambda body: _read_user(body) if body else UserInfo())
    return info.name
