import pytest
from pydantic import ValidationError

from pibridge.status.settings import StatusSettings


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
    settings = StatusSettings(listen=listen)
    assert (settings.host, settings.port) == (host, port)


@pytest.mark.parametrize(
    "listen", ["", "8321", ":8321", "::1:80", "host", "host:", "host:65536", "http://host:80", "off"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    """The problem says how an address is written."""
    with pytest.raises(ValidationError, match=r"write host:port, such as 127\.0\.0\.1:8321"):
        StatusSettings(listen=listen)
