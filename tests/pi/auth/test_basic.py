from base64 import b64decode

import pytest

from pibridge.errors import UnavailableError
from pibridge.model.settings import Secret
from pibridge.pi.auth.basic import Basic


async def test_name_and_password_are_sent() -> None:
    """The header holds account and password, also one with colons."""
    headers = (await Basic("CORP\\pi", Secret(lambda: "a:b c")).credentials()).headers
    scheme, _, text = headers["Authorization"].partition(" ")
    assert (scheme, b64decode(text)) == ("Basic", b"CORP\\pi:a:b c")


async def test_a_rotated_password_is_found() -> None:
    """The password is read for each request, and another one has another fingerprint."""
    password = "old"
    auth = Basic("pi", Secret(lambda: password))
    old = auth.fingerprint(), await auth.credentials()
    assert auth.fingerprint() == old[0]
    password = "new"
    assert auth.fingerprint() != old[0]
    assert (await auth.credentials()).headers != old[1].headers


async def test_a_password_that_pi_cannot_read_is_not_sent() -> None:
    """Other characters than ASCII are refused, and the password is not shown."""
    with pytest.raises(UnavailableError, match="ASCII") as caught:
        await Basic("pi", Secret(lambda: "pässword")).credentials()
    assert "pässword" not in str(caught.value)
