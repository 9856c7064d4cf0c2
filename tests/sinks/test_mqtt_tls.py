import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pibridge.errors import UnavailableError
from pibridge.sinks.mqtt_link import Broker
from pibridge.sinks.mqtt_reasons import Advice
from pibridge.sinks.mqtt_tls import tls_context
from pibridge.sinks.mqtt_wires import Login, Network
from sinks.mosquitto import Certificates
from sinks.scripted_broker import ScriptedBroker

ADVICE = Advice(sink="bus", address="the broker", login="let us in", right="let us publish")


@asynccontextmanager
async def behind_tls(context: ssl.SSLContext) -> AsyncIterator[tuple[int, list[ssl.SSLObject]]]:
    """Run a scripted broker behind TLS: its port, and the TLS connections that it has had."""
    broker = ScriptedBroker()
    met: list[ssl.SSLObject] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer.get_extra_info("ssl_object"))
        await broker.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1], met
    server.close()
    for writer in broker.writers:
        writer.close()


async def connect(port: int, **files: object) -> None:
    """Connect once."""
    network = Network()
    broker = Broker("127.0.0.1", port, lambda _: Login(tls_context("sinks.bus", **files)), ADVICE)  # type: ignore[arg-type]
    try:
        await (await broker.connect(network, "me")).close()
    finally:
        await network.close()


async def test_a_certificate_is_shown_and_one_is_demanded(tmp_path: Path) -> None:
    """Both sides know each other by the plant's authority, and agree on the protocol that was offered."""
    certificates = Certificates(tmp_path)
    context = certificates.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca_file)
    context.set_alpn_protocols(["x-amzn-mqtt-ca"])
    async with behind_tls(context) as (port, met):
        await connect(port, ca_file=certificates.ca_file, **certificates.issue("me"), alpn=["x-amzn-mqtt-ca"])
    subject = met[0].getpeercert()
    assert subject is not None
    assert (("commonName", "me"),) in subject["subject"]
    assert met[0].selected_alpn_protocol() == "x-amzn-mqtt-ca"


async def test_a_stranger_is_not_spoken_to(tmp_path: Path) -> None:
    """A broker that another authority has signed is refused, unless nothing is to be verified.

    The library takes up to 30 s to say so.
    """
    certificates = Certificates(tmp_path)
    (tmp_path / "other").mkdir()
    other = Certificates(tmp_path / "other")
    async with behind_tls(certificates.server_context()) as (port, _):
        with pytest.raises(UnavailableError, match=r"AWS_IO_TLS.*check ca_file"):
            await connect(port, ca_file=other.ca_file)
        await connect(port, ca_file=None, verify=False)


def test_what_is_wrong_with_a_file_is_told(tmp_path: Path) -> None:
    """Missing, no PEM, or a key of another certificate: the error names the key of the configuration, and no secret."""
    certificates = Certificates(tmp_path)
    mine, other = certificates.issue("mine"), certificates.issue("other")
    with pytest.raises(UnavailableError, match=r"sinks\.bus\.ca_file: .*nowhere\.pem cannot be read: No such file"):
        tls_context("sinks.bus", ca_file=tmp_path / "nowhere.pem")
    (tmp_path / "text").write_text("no PEM")
    with pytest.raises(UnavailableError, match=r"sinks\.bus\.key_file: .*text holds no private key \(give a PEM"):
        tls_context("sinks.bus", ca_file=None, cert_file=mine["cert_file"], key_file=tmp_path / "text")
    with pytest.raises(UnavailableError, match=r"certificates of sinks\.bus cannot be used.*must belong together"):
        tls_context("sinks.bus", ca_file=None, cert_file=mine["cert_file"], key_file=other["key_file"])
