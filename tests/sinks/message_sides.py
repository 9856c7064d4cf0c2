"""Where sinks that send messages deliver to in tests. Another one is a class here and a line in `MESSAGE_SIDES`."""

import random
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import ascii_letters
from typing import Any, Final, Protocol

from msgspec.structs import replace

from pibridge.context.record import Record, context_of
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Asset
from pibridge.sinks import build
from pibridge.sinks.contract import Sink
from pibridge.sinks.settings import IotCoreSettings, MqttSettings
from sinks.batches import NOON, TEMPERATURE
from sinks.far_sides import SITE
from sinks.mosquitto import Certificates, Mosquitto, Subscriber

_TAGS: Final = 7
_CONTEXTS: Final = {
    (tag, lane): context_of(
        SITE,
        replace(TEMPERATURE, name=f"T{tag}", path=rf"\\PISRV1\T{tag}"),
        Asset(f"Plant/Area1/R{tag}", "Reactor", "Temperature"),
        lane,
    )
    for tag in range(_TAGS)
    for lane in Lane
}


class MessageSide(Protocol):
    """What the contract is judged by. `refused_chars`: the length of a text that is refused for good."""

    refused_chars: int

    def sink(self) -> Sink:
        """Make a sink that delivers here."""
        ...

    async def start(self) -> None:
        """Take messages; after `fail` again."""
        ...

    async def fail(self) -> None:
        """Stop taking anything, at once. What was confirmed is not lost by it."""
        ...

    async def stop(self) -> None:
        """End, for good."""
        ...

    def records(self) -> Sequence[Mapping[str, Any]]:
        """Give the records that have arrived, in the order of their arrival."""
        ...


class Broker:
    """A plant's broker. `keys`: more of the sink's settings."""

    refused_chars = 200_000

    def __init__(self, folder: Path, **keys: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.broker = self._broker(folder)
        self.subscriber = Subscriber(self.broker, *self.options())
        self.keys = keys

    def sink(self) -> Sink:
        """Make an MQTT sink."""
        keys = {"type": "mqtt", "host": "127.0.0.1", "port": self.port, "topic": "pi/{site}/{tag}", **self.keys}
        return build("bus", MqttSettings.model_validate(keys), SITE)

    async def start(self) -> None:
        """Start the broker, and listen to what it tells before anybody else publishes."""
        await self.broker.start()
        await self.subscriber.start()

    async def fail(self) -> None:
        """Kill the broker."""
        self.broker.kill()
        await self.subscriber.orphaned()

    async def stop(self) -> None:
        """End both."""
        try:
            await self.subscriber.stop()
        finally:
            self.broker.stop()

    def records(self) -> Sequence[Mapping[str, Any]]:
        """Give what the subscriber got."""
        return self.subscriber.records

    def _broker(self, folder: Path) -> Mosquitto:
        return Mosquitto(folder, self.port)

    def options(self) -> list[str]:
        """Give what lets programs of mosquitto in."""
        return ["-u", "watcher"]


class IotCore(Broker):
    """A broker that demands a certificate, as AWS IoT Core does."""

    def sink(self) -> Sink:
        """Make a sink of the type `iot_core`."""
        return build("cloud", self.settings(), SITE)

    def settings(self) -> IotCoreSettings:
        """Give its settings; without a pace, which would make the tests as slow as the cloud wants it."""
        return IotCoreSettings.model_validate(
            {
                "type": "iot_core",
                "transport": "mqtt",
                "endpoint": "127.0.0.1",
                "port": self.port,
                "ca_file": self.certificates.ca_file,
                **self.files,
                "topic": "pi/{site}/{tag}",
                "limits": {"publishes_per_second": None, "bytes_per_second": None},
                **self.keys,
            }
        )

    def _broker(self, folder: Path) -> Mosquitto:
        self.certificates = Certificates(folder)
        self.files = self.certificates.issue("bridge")
        return Mosquitto(folder, self.port, certificates=self.certificates)

    def options(self) -> list[str]:
        """Give what lets programs of mosquitto in."""
        files = self.certificates.issue("watcher")
        cert_file, key_file = map(str, files.values())
        return ["--cafile", str(self.certificates.ca_file), "--cert", cert_file, "--key", key_file]


MESSAGE_SIDES: Final[Mapping[str, Callable[[Path], MessageSide]]] = {
    "mqtt 5": Broker,
    "mqtt 3.1.1": lambda folder: Broker(folder, protocol="3.1.1"),
    "mqtt, compressed, 3 connections": lambda folder: Broker(folder, encoding="json.gz", connections=3),
    "iot_core by mqtt": IotCore,
    "iot_core by mqtt, columns": lambda folder: IotCore(folder, encoding="columns"),
}


def readings(first: int, count: int, lane: Lane = Lane.LIVE) -> list[Record]:
    """Give records at places `first`, `first + 1`, …, of several tags in turn."""
    return [
        Record(seq, Event(seq % _TAGS, NOON + seq * ticks.PER_SECOND, seq * 1.37), _CONTEXTS[seq % _TAGS, lane])
        for seq in range(first, first + count)
    ]


def long_text(seq: int, chars: int) -> Record:
    """Give a record whose value is a text of so many characters, which compression makes little shorter."""
    text = "".join(random.Random(seq).choices(ascii_letters, k=chars))  # noqa: S311 - no secret
    return Record(seq, Event(seq % _TAGS, NOON, text), _CONTEXTS[seq % _TAGS, Lane.LIVE])


def disorder(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """Give each first arrival, by lane and tag, that came behind a later one. Arriving again is no disorder."""
    newest: dict[tuple[str, str], int] = {}
    seen: set[int] = set()
    late = []
    for record in records:
        road, seq = (record["lane"], record["tag"]), record["seq"]
        if seq not in seen and seq < newest.get(road, 0):
            late.append((*road, seq))
        seen.add(seq)
        newest[road] = max(seq, newest.get(road, 0))
    return late
