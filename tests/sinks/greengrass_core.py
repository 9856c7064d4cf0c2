"""Where messages over the nucleus end in tests: what a core's nucleus has accepted, read as records."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from greengrass.nucleus import TestNucleus
from pibridge.context.messages import Encoding
from pibridge.context.record import Record, context_of
from pibridge.greengrass.component import component_of
from pibridge.greengrass.limits import Operation
from pibridge.model.event import Event, Lane
from pibridge.sinks.contract import Sink
from pibridge.sinks.greengrass_local import build_greengrass_local
from pibridge.sinks.iot_greengrass import build_iot_greengrass
from pibridge.sinks.nucleus import NucleusSink
from pibridge.sinks.settings import GreengrassLocalSettings, IotCoreSettings, PublishLimits
from sinks.batches import NOON, TEMPERATURE
from unpacking import unpacked

SITE: Final = "houston"


AT_ONCE = PublishLimits()
TAGS = [replace(TEMPERATURE, name=f"R{number}.T") for number in range(5)]
CONTEXTS = [context_of("houston", tag, None, Lane.LIVE) for tag in TAGS]


def of_tags(first: int, count: int) -> list[Record]:
    """Give records of five tags in turn."""
    return [
        Record(seq, Event(seq % 5, NOON + seq, float(seq)), CONTEXTS[seq % 5]) for seq in range(first, first + count)
    ]


async def no_pause(_seconds: float) -> None:
    """Go on at once, but let others run."""
    await asyncio.sleep(0)


def sink_to(  # noqa: PLR0913 - what a test says otherwise than the rest
    nucleus: TestNucleus,
    operation: Operation = Operation.PUBLISH_TO_IOT_CORE,
    *,
    topic: str = "pi/{site}/{tag}",
    limits: PublishLimits = AT_ONCE,
    sleep: Callable[[float], Awaitable[None]] = no_pause,
    encoding: Encoding = "json",
) -> NucleusSink:
    """Give the sink of a component that is started now."""
    return NucleusSink(
        operation,
        component_of("cloud", nucleus.environment),
        topic,
        "houston",
        promise="accepted, not delivered",
        limits=limits,
        sleep=sleep,
        encoding=encoding,
    )


class GreengrassCore:
    """A far side of the sinks that hand messages to the nucleus. `local`: to other components, else to IoT Core."""

    def __init__(self, nucleus: TestNucleus, *, local: bool) -> None:
        self.nucleus = nucleus
        self._local = local

    def sink(self) -> Sink:
        """Make a sink as a component that is started now would."""
        environment = self.nucleus.environment
        if self._local:
            settings = GreengrassLocalSettings(type="greengrass_local", topic="pi/{site}/{tag}")
            return build_greengrass_local("edge", settings, SITE, environment)
        return build_iot_greengrass(
            "cloud", IotCoreSettings(type="iot_core", topic="pi/{site}/{tag}"), SITE, environment
        )

    def received(self) -> list[dict[str, Any]]:
        """Give all records that were accepted, in order, as often as they were."""
        return records_of(self.nucleus.local if self._local else self.nucleus.iot_core)

    async def fail(self) -> None:
        """Kill the nucleus."""
        await self.nucleus.stop()

    async def recover(self) -> None:
        """Start the nucleus again; it still knows the component."""
        await self.nucleus.start()


def records_of(messages: Iterable[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """Read messages, whatever their encoding, as their records."""
    return [record for _, payload in messages for record in unpacked(payload)["records"]]


def in_order(records: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """Give the places of each tag's records in the order in which each was seen first."""
    seen: dict[str, dict[int, None]] = {}
    for record in records:
        seen.setdefault(record["tag"], {}).setdefault(record["seq"])
    return {tag: list(seqs) for tag, seqs in seen.items()}
