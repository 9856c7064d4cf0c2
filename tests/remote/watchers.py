"""Who watches from afar, over a real broker: publishes requests, and reads what comes."""

import json
from typing import Any

from pibridge.remote.line import Line, line_to
from pibridge.sinks.settings import MqttSettings
from sinks.far_sides import SITE
from sinks.message_sides import Broker, IotCore
from sinks.mosquitto import say

HEALTH, REQUESTS, ANSWERS = (f"pibridge/{SITE}/{kind}" for kind in ("health", "commands", "answers"))


class Watcher:
    """`side`: the broker, with a subscriber to everything."""

    def __init__(self, side: Broker) -> None:
        self.side = side

    def settings(self) -> dict[str, Any]:
        """Give the sink's settings, as a configuration has them."""
        if isinstance(self.side, IotCore):
            return self.side.settings().model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {"type": "mqtt", "host": "127.0.0.1", "port": self.side.port, "topic": "pi/{tag}", **self.side.keys}

    def line(self) -> Line:
        """Make a line to the broker."""
        settings = (
            self.side.settings() if isinstance(self.side, IotCore) else MqttSettings.model_validate(self.settings())
        )
        return line_to("bus", settings, SITE, {})

    async def ask(self, request: dict[str, Any] | bytes, *options: str) -> None:
        """Publish a request."""
        payload = request if isinstance(request, bytes) else json.dumps(request).encode()
        await say(self.side.broker, REQUESTS, payload, *self.side.options(), *options)

    def heard(self, topic: str) -> list[dict[str, Any]]:
        """Give what came on a topic, in order."""
        return [json.loads(payload) for name, payload, _ in self.side.subscriber.messages if name == topic]
