"""A way over the Greengrass nucleus: to topics of IoT Core, or to other components on the core."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from pibridge.errors import UnavailableError
from pibridge.greengrass.component import Component
from pibridge.greengrass.connection import NucleusConnection
from pibridge.greengrass.hearing import Hearing
from pibridge.greengrass.limits import Operation, Subscribing, most_payload_bytes
from pibridge.remote.line import Hear


class NucleusLine:
    """A line over a connection of its own. `local`: to other components, else to IoT Core. It has no last will."""

    def __init__(self, component: Component, *, local: bool) -> None:
        publishing, listening = (
            (Operation.PUBLISH_TO_TOPIC, Subscribing.TO_TOPIC)
            if local
            else (Operation.PUBLISH_TO_IOT_CORE, Subscribing.TO_IOT_CORE)
        )
        self.most_bytes = most_payload_bytes(publishing, component.nucleus)
        self._component = component
        self._local = local
        self._listening = listening

    @asynccontextmanager
    async def session(
        self,
        will: tuple[str, bytes] | None,  # noqa: ARG002 - the nucleus has none
        listen_to: str | None,
        hear: Hear,
    ) -> AsyncIterator["NucleusSession"]:
        """Hold a connection."""
        loop = asyncio.get_running_loop()
        lost = asyncio.Event()

        def in_loop(act: Callable[..., None], *given: object) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody listens any more
                loop.call_soon_threadsafe(act, *given)

        connection = NucleusConnection(self._component)
        try:
            await connection.open()
            if listen_to is not None:
                hearing = Hearing(
                    lambda payload, is_retained: in_loop(hear, payload, is_retained), lambda: in_loop(lost.set)
                )
                await connection.subscribe(self._listening, listen_to, hearing)
            yield NucleusSession(connection, lost, local=self._local)
        finally:
            await connection.close()


class NucleusSession:
    """One connection. `lost`: set when what was subscribed to has ended."""

    def __init__(self, connection: NucleusConnection, lost: asyncio.Event, *, local: bool) -> None:
        self._connection = connection
        self._lost = lost
        self._publish = connection.publish_to_topic if local else connection.publish_to_iot_core

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the nucleus has accepted the message."""
        await self._publish(topic, payload)

    async def until_lost(self) -> UnavailableError:
        """Wait until the subscription has ended; give why. Without one, the next message finds out."""
        await self._lost.wait()
        return UnavailableError("the connection to the Greengrass nucleus was lost", hint="it is tried again by itself")
