from base64 import b64decode

import pytest

from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.model.settings import Secret
from pibridge.pi.auth.basic import Basic


def failing(error: Exception) -> Secret:
    """Give a secret that cannot be read."""

    def read() -> str:
        raise error

    return Secret(read)


async def test_name_and_password_are_sent() -> None:
    """The header holds account and password, also one with colons."""
    headers = await Basic("CORP\\pi", Secret(lambda: "a:b c")).headers()
    scheme, _, text = headers["Authorization"].partition(" ")
    assert (scheme, b64decode(text)) == ("Basic", b"CORP\\pi:a:b c")


async def test_a_rotated_password_is_found() -> None:
    """The password is read for each request."""
    passwords = iter(["old", "new"])
    auth = Basic("pi", Secret(lambda: next(passwords)))
    assert await auth.headers() != await auth.headers()


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file or directory"),
        ConfigurationError(["PI_PASSWORD is not set"]),
    ],
)
async def test_a_password_that_cannot_be_read_is_waited_for(error: Exception) -> None:
    """While the password is replaced, requests are tried again later."""
    with pytest.raises(UnavailableError, match=r"pi\.auth\.password.*(No such file|not set)"):
        await Basic("pi", failing(error)).headers()


async def test_a_password_that_pi_cannot_read_is_not_sent() -> None:
    """Other characters than ASCII are refused, and the password is not shown."""
    with pytest.raises(UnavailableError, match="ASCII") as caught:
        await Basic("pi", Secret(lambda: "pässword")).headers()
    assert "pässword" not in str(caught.value)
