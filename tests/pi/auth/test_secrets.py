import pytest

from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.model.settings import Secret
from pibridge.pi.auth.secrets import digest, reveal


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file or directory"),
        ConfigurationError(["PI_PASSWORD is not set"]),
    ],
)
def test_a_secret_that_cannot_be_read_is_waited_for(error: Exception) -> None:
    """While a secret is replaced, requests are tried again later; its key is named."""

    def read() -> str:
        raise error

    for use in (reveal, digest):
        with pytest.raises(UnavailableError, match=r"pi\.auth\.password.*(No such file|not set)"):
            use(Secret(read), "pi.auth.password")


def test_a_digest_tells_secrets_apart_and_shows_none() -> None:
    """Equal secrets have equal digests, others have others, and none is in its digest."""
    digests = [digest(Secret.of(text), "pi.auth.token") for text in ("geheim", "geheim", "anders")]
    assert digests[0] == digests[1] != digests[2]
    assert b"geheim" not in digests[0]
