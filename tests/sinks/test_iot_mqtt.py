import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.sinks.iot_mqtt import iot_mqtt_sink, region_of, unfit_for_iot_core
from pibridge.sinks.settings import IotCoreSettings
from sinks.batches import ListedBatch
from sinks.message_sides import readings
from sinks.mosquitto import Certificates
from sinks.scripted_broker import ScriptedBroker
from sinks.scripted_store import answer, scripted_store

ENDPOINT = "abc-ats.iot.eu-west-1.amazonaws.com"


def settings(**keys: Any) -> IotCoreSettings:
    """Give settings with these keys."""
    given = {"type": "iot_core", "transport": "mqtt", "auth": "sigv4", "endpoint": ENDPOINT, **keys}
    return IotCoreSettings.model_validate(given)


class Gateway:
    """Takes WebSockets as AWS IoT Core does, and speaks MQTT in them. It cannot judge a signature, and looks at it."""

    def __init__(self) -> None:
        self.port = 0
        self.broker = ScriptedBroker()
        self.requests: list[Request] = []
        self.refuses = False

    async def speak(self, connection: ServerConnection) -> None:
        """Answer the packets of one client."""
        pending = b""
        async for message in connection:
            assert isinstance(message, bytes)
            pending += message
            while len(pending) > 1 and len(pending) >= (end := _end(pending)):
                body = pending[end - _length(pending)[0] : end]
                for said in self.broker.answers(pending[0], body):
                    await connection.send(said)
                pending = pending[end:]

    def look(self, connection: ServerConnection, request: Request) -> Response | None:
        """Keep the request; refuse it, as AWS does with expired credentials."""
        self.requests.append(request)
        return connection.respond(403, "Forbidden") if self.refuses else None

    def query(self) -> dict[str, str]:
        """Give what the newest request says in its address."""
        return {key: value[0] for key, value in parse_qs(urlsplit(self.requests[-1].path).query).items()}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """Run a gateway behind TLS."""
    certificates, gateway = Certificates(tmp_path), Gateway()
    context = certificates.server_context()
    context.set_alpn_protocols(["http/1.1"])
    async with serve(
        gateway.speak,
        "127.0.0.1",
        0,
        ssl=context,
        process_request=gateway.look,
        subprotocols=["mqtt"],  # type: ignore[list-item]
    ) as server:
        gateway.port = next(iter(server.sockets)).getsockname()[1]
        yield gateway


def at(gateway: Gateway, folder: Path, **keys: Any) -> IotCoreSettings:
    """Give settings that lead there."""
    return settings(endpoint="127.0.0.1", port=gateway.port, ca_file=folder / "ca.pem", **keys)


async def test_a_websocket_is_signed(gateway: Gateway, tmp_path: Path) -> None:
    """The request names service, region and credentials in its address, and messages go through the WebSocket."""
    sink = iot_mqtt_sink("cloud", at(gateway, tmp_path), "houston", {"AWS_REGION": "eu-central-1"})
    await sink.open()
    await sink.write(ListedBatch(readings(1, 8)))
    await sink.close()
    query = gateway.query()
    assert urlsplit(gateway.requests[0].path).path == "/mqtt"
    assert gateway.requests[0].headers["Sec-WebSocket-Protocol"] == "mqtt"
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    key, _, region, service, end = query["X-Amz-Credential"].split("/")
    assert (key, region, service, end) == ("AKIATESTTESTTESTTEST", "eu-central-1", "iotdevicegateway", "aws4_request")
    assert "host" in query["X-Amz-SignedHeaders"].split(";")
    assert len(query["X-Amz-Signature"]) == 64
    assert "not-to-be-shown" not in gateway.requests[0].path
    assert gateway.broker.clients == ["pibridge-houston"]
    assert sum(len(json.loads(payload)["records"]) for payload in gateway.broker.payloads) == 8


async def test_a_session_token_stands_beside_the_signature(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Greengrass core the credentials are those of the token exchange role; each connection asks for them anew."""
    async with scripted_store() as exchange:
        for number in ("ONE", "TWO"):
            given = {
                "AccessKeyId": f"ASIA{number}",
                "SecretAccessKey": "exchanged",
                "Token": f"token {number}",
                "Expiration": "2099-01-01T00:00:00Z",
            }
            exchange.answers = [answer(200, json.dumps(given))]
            _no_credentials(monkeypatch)
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{exchange.url}/2016-11-01/credentialprovider/")
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of-the-component")
            sink = iot_mqtt_sink("cloud", at(gateway, tmp_path), "houston", {"AWS_REGION": "eu-central-1"})
            await sink.open()
            await sink.close()
            assert gateway.query()["X-Amz-Security-Token"] == f"token {number}"
            assert gateway.query()["X-Amz-Credential"].startswith(f"ASIA{number}/")


async def test_expired_credentials_are_told_and_renewed_ones_found(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake that is refused names the next step; with other credentials the same sink goes on."""
    sink = iot_mqtt_sink("cloud", at(gateway, tmp_path), "houston", {"AWS_REGION": "eu-central-1"})
    gateway.refuses = True
    batch = ListedBatch(readings(1, 8))
    with pytest.raises(UnavailableError, match=r"WEBSOCKET_UPGRADE_FAILURE.*renew the AWS credentials.*iot:Connect"):
        await sink.write(batch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWED")
    gateway.refuses = False
    await sink.write(ListedBatch(readings(1, 8), sealed=batch.sealed))
    await sink.close()
    assert gateway.query()["X-Amz-Credential"].startswith("AKIARENEWED/")


async def test_no_credentials_is_told(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is found, the error says where they are looked for."""
    _no_credentials(monkeypatch)
    sink = iot_mqtt_sink("cloud", at(gateway, tmp_path), "houston", {"AWS_REGION": "eu-central-1"})
    with pytest.raises(UnavailableError, match=r"environment, profile, token exchange or instance role"):
        await sink.probe()


@pytest.mark.parametrize(
    ("keys", "environ", "problem"),
    [
        ({"endpoint": None}, {}, "endpoint: missing; add what `aws iot describe-endpoint"),
        ({"endpoint": "mqtt.example.com"}, {}, "endpoint: names no region; set AWS_REGION"),
        ({"auth": "x509"}, {}, "cert_file: missing; add cert_file and key_file, or write auth: sigv4"),
        ({"client_id": "x" * 128}, {}, "client_id: .* is too long; AWS IoT Core allows 128 bytes"),
        (
            {"client_id": "core-{site}"},
            {"AWS_IOT_THING_NAME": "core-houston"},
            "client_id: core-houston is the Greengrass core's own; write another one",
        ),
    ],
)
def test_what_cannot_work_is_no_sink(keys: dict[str, Any], environ: dict[str, str], problem: str) -> None:
    """Each problem names the key and the next step."""
    with pytest.raises(ConfigurationError, match=rf"^sinks\.cloud\.{problem}"):
        iot_mqtt_sink("cloud", settings(**keys), "houston", environ)


@pytest.mark.parametrize(
    ("endpoint", "environ", "region"),
    [
        (ENDPOINT, {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        ("abc.ats.iot.cn-north-1.amazonaws.com.cn", {}, "cn-north-1"),
        ("data.iot-fips.us-gov-west-1.amazonaws.com", {}, "us-gov-west-1"),
        ("mqtt.example.com", {"AWS_REGION": "us-east-1"}, "us-east-1"),
        ("mqtt.example.com", {"AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2"),
        ("mqtt.example.com", {}, ""),
    ],
)
def test_the_region_follows_from_the_endpoint(endpoint: str, environ: dict[str, str], region: str) -> None:
    """What the endpoint says counts, then the environment."""
    assert region_of(endpoint, environ) == region


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("a/b/c/d/e/f/g/h", ""),
        ("a/b/c/d/e/f/g/h/i", "8 slashes, AWS IoT Core allows 7"),
        ("x" * 256, ""),
        ("ä" * 129, "258 bytes, AWS IoT Core allows 256"),
        ("$aws/rules/in/a/b/c/d/e/f/g/h", ""),
        ("$aws/rules/in/" + "x" * 257, "257 bytes, AWS IoT Core allows 256"),
    ],
)
def test_topics_have_limits(topic: str, problem: str) -> None:
    """Seven slashes and 256 bytes; what basic ingest puts before the topic does not count."""
    assert unfit_for_iot_core(topic) == problem


async def test_a_topic_beyond_the_limits_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    """Its records come back with the reason; nothing is sent."""
    keys = at(gateway, tmp_path, topic=f"{'a' * 255}/{{tag}}")
    sink = iot_mqtt_sink("cloud", keys, "houston", {"AWS_REGION": "eu-central-1"})
    receipt = await sink.write(ListedBatch(readings(1, 3)))
    await sink.close()
    assert [refusal.record.seq for refusal in receipt.refused] == [1, 2, 3]
    assert receipt.refused[0].reason == f"topic {'a' * 255}/T1: 258 bytes, AWS IoT Core allows 256"
    assert gateway.broker.topics == []


def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(Path("no-such-file")))


def _length(packet: bytes) -> tuple[int, int]:
    """Give how long the body is, and how many bytes say so."""
    length = 0
    for place, byte in enumerate(packet[1:5]):
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return length, place + 1
    return 1 << 30, 4


def _end(packet: bytes) -> int:
    length, said_by = _length(packet)
    return 1 + said_by + length
