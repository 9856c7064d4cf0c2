import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pibridge.context.record import Record, context_of
from pibridge.errors import UnavailableError
from pibridge.model.event import Event, Lane
from pibridge.model.settings import Secret
from pibridge.sinks.mqtt import mqtt_sink
from pibridge.sinks.settings import MqttSettings
from sinks.batches import NOON, TEMPERATURE, ListedBatch
from sinks.message_sides import Broker, readings
from sinks.mosquitto import Certificates, Mosquitto, Subscriber, require_mosquitto
from sinks.scripted_broker import ScriptedBroker, scripted_broker
from waiting import eventually


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedBroker]:
    """Run a scripted broker."""
    async with scripted_broker() as broker:
        yield broker


def settings(port: int, **keys: Any) -> MqttSettings:
    """Give settings of a sink that publishes there."""
    return MqttSettings.model_validate(
        {"type": "mqtt", "host": "127.0.0.1", "port": port, "topic": "pi/{site}/{tag}", **keys}
    )


async def test_a_message_is_what_consumers_expect(scripted: ScriptedBroker) -> None:
    """One envelope for the records of a topic."""
    sink = mqtt_sink("bus", settings(scripted.port), "houston")
    await sink.write(ListedBatch(readings(1, 8)))
    await sink.close()
    told = [json.loads(payload) for payload in scripted.payloads]
    assert sorted(scripted.topics) == [f"pi/houston/T{n}" for n in range(7)]
    assert {(each["v"], each["site"]) for each in told} == {(1, "houston")}
    assert sorted(record["seq"] for each in told for record in each["records"]) == list(range(1, 9))


async def test_user_and_password_let_us_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """A broker that wants a password gets it, as it is at that moment; a wrong one is told with the next step."""
    require_mosquitto(monkeypatch)
    (tmp_path / "users").write_text("")
    broker = Mosquitto(tmp_path, port, "allow_anonymous false", f"password_file {tmp_path / 'users'}")
    _user(tmp_path / "users", "bridge", "geheim")
    await broker.start()
    word = "falsch"
    sink = mqtt_sink("bus", settings(port, username="bridge", password=Secret(lambda: word), tls=None), "houston")
    with pytest.raises(UnavailableError, match=r"correct sinks\.bus\.username and password") as error:
        await sink.open()
    assert "falsch" not in str(error.value)
    word = "geheim"
    await sink.open()
    await sink.close()
    broker.stop()


async def test_a_password_that_cannot_be_read_is_told(scripted: ScriptedBroker) -> None:
    """A reference that leads nowhere is UnavailableError with the key."""

    def missing() -> str:
        raise UnavailableError("the environment variable PW is not set")

    sink = mqtt_sink("bus", settings(scripted.port, username="u", password=Secret(missing)), "houston")
    with pytest.raises(UnavailableError, match=r"sinks\.bus\.password cannot be read: the environment variable PW"):
        await sink.open()
    await sink.close()


async def test_tls_with_the_plant_s_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """A broker behind mutual TLS takes messages from a client that shows its certificate, and from no other."""
    require_mosquitto(monkeypatch)
    certificates = Certificates(tmp_path)
    broker = Mosquitto(tmp_path, port, certificates=certificates)
    await broker.start()
    files = {key: str(file) for key, file in certificates.issue("bridge").items()}
    sink = mqtt_sink("bus", settings(port, tls={"ca_file": certificates.ca_file, **files}), "houston")
    assert "connected" in await sink.probe()
    bare = mqtt_sink("bus", settings(port, tls={"ca_file": certificates.ca_file}), "houston")
    with pytest.raises(UnavailableError):
        await bare.probe()
    broker.stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_the_last_value_of_each_topic_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """With `retain`, who subscribes later gets the newest value of each tag: no older one, none recovered late."""
    require_mosquitto(monkeypatch)
    side = Broker(tmp_path, retain=True, protocol=protocol)
    await side.broker.start()
    sink = side.sink()
    late, recovered = readings(101, 7)[0], readings(201, 70, Lane.HISTORY)
    await sink.write(ListedBatch(readings(1, 70)))
    await sink.write(ListedBatch([_at(late, NOON)]))
    await sink.write(ListedBatch(recovered))
    newcomer = Subscriber(side.broker, "-u", "watcher")
    await newcomer.start()
    await eventually(lambda: len(newcomer.messages) >= 7)
    await sink.close()
    await newcomer.stop()
    side.broker.stop()
    assert all(is_retained for _, _, is_retained in newcomer.messages)
    assert sorted(record["seq"] for record in newcomer.records) == list(range(64, 71))


async def test_a_broker_that_keeps_nothing_is_told(scripted: ScriptedBroker) -> None:
    """`retain` against a broker that says it cannot is UnavailableError with the key to change."""
    scripted.retains = False
    sink = mqtt_sink("bus", settings(scripted.port, retain=True), "houston")
    with pytest.raises(UnavailableError, match=r"keeps no messages .*sinks\.bus\.retain: false"):
        await sink.probe()


async def test_a_topic_beyond_mqtt_is_refused(scripted: ScriptedBroker) -> None:
    """A name that makes a topic too long is refused with the reason, the others arrive."""
    long = context_of("houston", replace(TEMPERATURE, name="x" * 70_000), None, Lane.LIVE)
    sink = mqtt_sink("bus", settings(scripted.port), "houston")
    receipt = await sink.write(ListedBatch([*readings(1, 1), Record(2, Event(9, NOON, 1.0), long)]))
    await sink.close()
    assert [refusal.record.seq for refusal in receipt.refused] == [2]
    assert receipt.refused[0].reason.endswith("bytes, MQTT allows 65535")
    assert len(scripted.topics) == 1


@pytest.mark.parametrize(("keys", "address"), [({}, "127.0.0.1:1883"), ({"tls": {}}, "127.0.0.1:8883")])
async def test_the_port_follows_from_tls(keys: dict[str, Any], address: str) -> None:
    """Without a port, the usual one is meant."""
    sink = mqtt_sink(
        "bus", MqttSettings.model_validate({"type": "mqtt", "host": "127.0.0.1", "topic": "t", **keys}), "s"
    )
    with pytest.raises(UnavailableError, match=address):
        await sink.probe()


def _at(record: Record, ticks: int) -> Record:
    return replace(record, event=Event(record.event.tag, ticks, record.event.value))


def _user(file: Path, name: str, password: str) -> None:
    subprocess.run(["mosquitto_passwd", "-b", file, name, password], check=True, capture_output=True)
