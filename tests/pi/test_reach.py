import ssl
from pathlib import Path

import pytest
import trustme

from pi.canned import CannedServer, said
from pi.tls_servers import context_for, dumb, simulated, trusting
from pibridge.errors import UnavailableError
from pibridge.pi.reach import address, piwebapi_beside, reach
from pibridge.pi.settings import PiSettings


async def refused(settings: PiSettings) -> tuple[str, str]:
    """Give what stands in the way, and its remedy."""
    with pytest.raises(UnavailableError) as caught:
        await reach(settings)
    return str(caught.value.args[0]), caught.value.hint


def settings_of(url: str) -> PiSettings:
    """Give settings with this URL."""
    return PiSettings(url=url, allow_insecure=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://pi.example.com/piwebapi", ("pi.example.com", 443)),
        ("http://pi.example.com/piwebapi", ("pi.example.com", 80)),
        ("https://[::1]:4434/piwebapi", ("::1", 4434)),
    ],
)
def test_a_url_has_a_host_and_a_port(url: str, expected: tuple[str, int]) -> None:
    """The port is that of the scheme if none is written."""
    assert address(settings_of(url)) == expected


async def test_nothing_in_the_way(tmp_path: Path) -> None:
    """A trusted certificate for the right name, and plain http that is meant, are well."""
    authority = trustme.CA()
    async with simulated(context_for(authority, "127.0.0.1")) as simulator:
        await reach(trusting(authority, tmp_path, simulator.url))
    async with simulated() as simulator:
        await reach(settings_of(simulator.url))


async def test_a_name_that_does_not_resolve() -> None:
    """The name and DNS are told."""
    found, hint = await refused(settings_of("https://pi.invalid/piwebapi"))
    assert found.startswith("the name pi.invalid does not resolve")
    assert "DNS" in hint


async def test_a_port_where_nobody_listens(port: int) -> None:
    """Address and reason are told."""
    found, hint = await refused(settings_of(f"https://127.0.0.1:{port}/piwebapi"))
    assert found.startswith(f"no connection to 127.0.0.1:{port}: ")
    assert "firewall" in hint


async def test_https_to_a_port_of_http() -> None:
    """Plain http is told from TLS that fails."""
    async with simulated() as simulator:
        found, hint = await refused(settings_of(simulator.url.replace("http:", "https:")))
    assert "speaks plain http" in found
    assert "443" in hint


async def test_http_to_a_port_of_https() -> None:
    """The remedy is one letter."""
    async with simulated(context_for(trustme.CA(), "127.0.0.1")) as simulator:
        found, hint = await refused(settings_of(simulator.url.replace("https:", "http:")))
    assert "speaks https" in found
    assert hint == "write https:// in pi.url"


async def test_something_that_is_neither() -> None:
    """A server that hangs up at once is no server of PI."""
    async with dumb() as port:
        found, _ = await refused(settings_of(f"https://127.0.0.1:{port}/piwebapi"))
    assert "TLS handshake" in found


async def test_an_expired_certificate(tmp_path: Path) -> None:
    """It is to be renewed."""
    authority = trustme.CA()
    async with simulated(context_for(authority, "127.0.0.1", days=-1)) as simulator:
        found, hint = await refused(trusting(authority, tmp_path, simulator.url))
    assert "expired" in found
    assert "renew" in hint


async def test_a_certificate_for_another_host(tmp_path: Path) -> None:
    """The names that it is for are told."""
    authority = trustme.CA()
    async with simulated(context_for(authority, "pi.plant.example")) as simulator:
        found, hint = await refused(trusting(authority, tmp_path, simulator.url))
    assert "was not accepted" in found
    assert hint.endswith("pi.plant.example")


async def test_a_certificate_of_an_unknown_authority() -> None:
    """The key that takes its CA is told."""
    async with simulated(context_for(trustme.CA(), "127.0.0.1")) as simulator:
        found, hint = await refused(PiSettings(url=simulator.url))
    assert "was not accepted" in found
    assert "pi.tls.ca_file" in hint


async def test_a_server_that_refuses_this_tls() -> None:
    """What the handshake said is told."""
    context = context_for(trustme.CA(), "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_ciphers("AES128-SHA")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with simulated(context) as simulator:
        found, hint = await refused(PiSettings(url=simulator.url))
    assert "TLS handshake" in found
    assert "TLS 1.2" in hint


@pytest.mark.parametrize("answer", [said({"Links": {"DataServers": "x"}}), said({}, 401)])
async def test_pi_below_another_path_is_found(server: CannedServer, answer: object) -> None:
    """PI Web API, or something that wants a login there, answers below the usual path; nobody is asked twice."""
    server.on("/", answer)  # type: ignore[arg-type]
    assert await piwebapi_beside(settings_of(server.url.removesuffix("/piwebapi"))) == server.url
    assert "Authorization" not in server.requests[0].headers
    assert await piwebapi_beside(settings_of(server.url)) == ""


async def test_no_pi_is_no_suggestion(server: CannedServer, port: int) -> None:
    """Another server, and none at all, suggest nothing."""
    server.on("/", said({"status": "ok"}))
    assert await piwebapi_beside(settings_of(server.url.removesuffix("/piwebapi"))) == ""
    assert await piwebapi_beside(settings_of(f"http://127.0.0.1:{port}")) == ""
