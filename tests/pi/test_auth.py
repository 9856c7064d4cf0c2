import sys

import pytest

from pi.canned import settings_for
from pibridge.errors import ConfigurationError
from pibridge.pi.auth import BUILT, Auth, make_auth
from pibridge.pi.tls import make_ssl_context

URL = "https://pi.example.com/piwebapi"
EXAMPLES: list[dict[str, str]] = [
    {"method": "anonymous"},
    {"method": "basic", "username": "pi", "password": "geheim"},
    {"method": "bearer", "token": "geheim"},
    {"method": "bearer", "client_id": "connector", "client_secret": "geheim"},
]


def made(auth: dict[str, str]) -> Auth:
    """Make what these settings describe."""
    settings = settings_for(URL, auth=auth)
    return make_auth(settings, make_ssl_context(settings.tls))


@pytest.mark.parametrize("settings", EXAMPLES, ids="-".join)
def test_each_method_says_who_we_are(settings: dict[str, str]) -> None:
    """A method has a name without secrets, a fingerprint that stays, and asks nobody before it is used."""
    auth = made(settings)
    assert auth.identity
    assert auth.fingerprint() == auth.fingerprint()
    assert "geheim" not in f"{auth.identity} {auth!r} {auth.fingerprint()!r}"
    assert settings["method"] in BUILT


def test_kerberos_without_its_library_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who configures Kerberos and has not installed it learns what to install; nobody else needs it."""
    monkeypatch.setitem(sys.modules, "gssapi", None)
    monkeypatch.delitem(sys.modules, "pibridge.pi.auth.kerberos", raising=False)
    with pytest.raises(ConfigurationError, match=r"pi\.auth\.method.*apt install.*pibridge\[kerberos\]"):
        made({"method": "kerberos"})
