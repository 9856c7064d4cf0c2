"""A way over MQTT, by a connection of our own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pibridge.errors import UnavailableError
from pibridge.remote.line import Hear
from pibridge.sinks.mqtt_link import Broker, Link
from pibridge.sinks.mqtt_wires import Network, Will
from pibridge.sinks.pace import MOST_MESSAGE_BYTES


class MqttLine:
    """A line to a broker, under a client id that nobody else has."""

    def __init__(self, broker: Broker, client_id: str) -> None:
        self.most_bytes = MOST_MESSAGE_BYTES
        self._broker = broker
        self._client_id = client_id

    @asynccontextmanager
    async def session(
        self, will: tuple[str, bytes] | None, listen_to: str | None, hear: Hear
    ) -> AsyncIterator["MqttSession"]:
        """Hold a connection."""
        network = Network()
        try:
            link = await self._broker.connect(network, self._client_id, will=Will(*will) if will else None, hear=hear)
            try:
                if listen_to is not None:
                    await link.subscribe(listen_to)
                yield MqttSession(link)
            finally:
                await link.close()
        finally:
            await network.close()


class MqttSession:
    """One connection."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the broker has confirmed the message."""
        await self._link.publish(topic, payload, retain=False)

    async def until_lost(self) -> UnavailableError:
        """Wait until the connection is lost; give why."""
        return await self._link.until_lost()
