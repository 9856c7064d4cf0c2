import pytest
from pydantic import ValidationError

from pibridge.config.load import configuration
from pibridge.errors import ConfigurationError
from pibridge.model.settings import Secret
from pibridge.status.settings import StatusSettings, is_loopback


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:8321", "127.0.0.1", 8321),
        ("localhost:0", "localhost", 0),
        ("[::1]:80", "::1", 80),
        ("pi-edge.plant.example:65535", "pi-edge.plant.example", 65535),
    ],
)
def test_addresses_have_a_host_and_a_port(listen: str, host: str, port: int) -> None:
    """Names, IPv4 and bracketed IPv6 addresses are taken apart."""
    settings = StatusSettings(listen=listen, token=Secret.of("a-token-of-the-plant"))
    assert (settings.host, settings.port) == (host, port)


@pytest.mark.parametrize(
    "listen", ["", "8321", ":8321", "::1:80", "host", "host:", "host:65536", "http://host:80", "off"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    """The problem says how an address is written."""
    with pytest.raises(ValidationError, match=r"write host:port, such as 127\.0\.0\.1:8321"):
        StatusSettings(listen=listen)


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.8.8.8", "::1"])
def test_the_loopback_is_known(host: str) -> None:
    """By name and by address, of both kinds."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "10.0.0.0", "::", "10.0.0.5", "plant.example", "localhost.plant.example", "127.0.0.1.nip.io"]
)
def test_what_others_can_reach_is_no_loopback(host: str) -> None:
    """A name that only begins like it is another machine's."""
    assert not is_loopback(host)


LEAST = {
    "site": "s",
    "pi": {"url": "https://pi.example.com/piwebapi"},
    "streams": {"a": {"select": {"points": [r"\\PI\A"]}}},
    "sinks": {"out": {"type": "file", "path": "out"}},
}


def problems(**status: str) -> list[str]:
    """Give what is wrong with a configuration that has this part."""
    with pytest.raises(ConfigurationError) as refused:
        configuration({**LEAST, "status": status}, {"SHORT": "0123456789abcde"})
    return refused.value.problems


@pytest.mark.parametrize("listen", ["0.0.0.0:8321", "[::]:8321", "10.0.0.5:1", "plant.example:8321"])
def test_beyond_the_loopback_a_token_is_asked_for(listen: str) -> None:
    """The configuration is refused, with the key, why, and what to do."""
    (problem,) = problems(listen=listen)
    assert problem.startswith(f"status.token: is missing, and {listen} can be reached from other machines; write token")


def test_a_token_that_can_be_guessed_is_refused() -> None:
    """Sixteen characters at least, and the problem does not show it."""
    (problem,) = problems(token="${env:SHORT}")
    assert problem == "status.token: is too easy to guess; write at least 16 characters"


def test_a_token_is_read_anew() -> None:
    """It is a secret like others: never shown, found again when it was rotated."""
    environment = {"TOKEN": "a-token-of-the-plant"}
    tree = {**LEAST, "status": {"listen": "0.0.0.0:1", "token": "${env:TOKEN}"}}
    status = configuration(tree, environment).status
    assert status is not None
    assert status.token is not None
    assert "plant" not in repr(status)
    environment["TOKEN"] = "another-token-of-the-plant"
    assert status.token.reveal() == "another-token-of-the-plant"
