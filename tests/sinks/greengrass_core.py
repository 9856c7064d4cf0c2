"""Where messages over the nucleus end in tests: what a core's nucleus has accepted, read as records."""

import gzip
import json
from collections.abc import Iterable
from typing import Any, Final

from greengrass.nucleus import TestNucleus
from pibridge.sinks.contract import Sink
from pibridge.sinks.greengrass_local import build_greengrass_local
from pibridge.sinks.iot_greengrass import build_iot_greengrass
from pibridge.sinks.settings import GreengrassLocalSettings, IotCoreSettings

SITE: Final = "houston"


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
    """Read messages, compressed or not, as their records."""
    return [record for _, payload in messages for record in read(payload)["records"]]


def read(payload: bytes) -> dict[str, Any]:
    """Read one message."""
    told: dict[str, Any] = json.loads(gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload)
    return told
