"""One connection to a broker from its CONNECT to its end, as the event loop sees it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Final, Literal

import structlog
from awscrt.io import ClientBootstrap

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.sinks.mqtt_reasons import REFUSED_FOR_GOOD, SUCCESS, Advice, Trouble, named
from pibridge.sinks.mqtt_wires import Login, Network, Will, Wire, Wire5, Wire311, library_trouble

Protocol = Literal["5", "3.1.1"]

# A TLS failure is told by the library after a delay of up to 30 s, so that nobody learns from how long it took.
_CONNECT_S: Final = 45.0
_STOP_S: Final = 1.0
_REASON_S: Final = 1.0
_CLOSED: Final = Trouble("the connection was closed")
_GRANTED: Final = frozenset({0, 1, 2})
"""Codes of a SUBACK that say yes."""


Hear = Callable[[bytes, bool], None]
"""Takes a message that was subscribed to, and whether the broker had kept it (retained)."""


class RefusedError(PIBridgeError):
    """The broker will never take this message."""


class Broker:
    """Where a sink publishes. `login`: gives what is shown there, read anew for each connection."""

    def __init__(  # noqa: PLR0913 - an address, and how to speak there
        self,
        host: str,
        port: int,
        login: Callable[[ClientBootstrap], Login],
        advice: Advice,
        *,
        protocol: Protocol = "5",
        patience_s: float = 30.0,
    ) -> None:
        self.advice = advice
        self.protocol = protocol
        self.patience_s = patience_s
        self._host = host
        self._port = port
        self._login = login

    async def connect(
        self, network: Network, client_id: str, *, will: Will | None = None, hear: Hear = lambda _, __: None
    ) -> "Link":
        """Make a connection. `hear`: takes what `Link.subscribe` asks for. Raises UnavailableError."""
        login = await asyncio.to_thread(self._login, network.bootstrap)
        link = Link(self, client_id, hear)
        wire = Wire5 if self.protocol == "5" else Wire311
        try:
            await link.open(wire(network.bootstrap, self._host, self._port, client_id, login, self.advice, link, will))
        except RuntimeError as error:
            raise library_trouble(self.advice, client_id, error).error() from error
        except asyncio.CancelledError:
            # A stop does not wait for an answer that does not come.
            link.let_go()
            raise
        except BaseException:
            await link.close()
            raise
        return link


class Link:
    """A connection that is used until it is lost, and then never again: who needs one makes another.

    So nothing that was under way on it can arrive later than what is sent after it. `most_packet_bytes`, `retains`:
    what the broker has agreed to.
    """

    def __init__(self, broker: Broker, client_id: str, hear: Hear = lambda _, __: None) -> None:
        self.most_packet_bytes = 0
        self.retains = False
        self.lost: Trouble | None = None
        self._client_id = client_id
        self._hear = hear
        self._advice = broker.advice
        self._patience_s = broker.patience_s
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._is_open = False
        self._is_told = asyncio.Event()
        self._is_lost = asyncio.Event()
        self._is_stopped = asyncio.Event()
        self._waiting: set[asyncio.Future[int | Trouble]] = set()
        self._heard_at = 0.0

    async def open(self, wire: Wire) -> None:
        """Connect by a new wire that tells this link what it hears. Raises UnavailableError."""
        self._wire = wire
        wire.start()
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._is_told.wait()
        except TimeoutError:
            self._lose(Trouble(f"no connection to {self._advice.address} within {_CONNECT_S:g} s"))
        if self.lost is not None:
            raise self.lost.error()

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Return when the broker has confirmed the message. Raises RefusedError, or UnavailableError.

        While something is under way, silence for as long as the broker is given patience ends the connection.
        """
        if self.lost is not None or self._wire is None:
            raise (self.lost or _CLOSED).error()
        answer = await self._answer(self._wire.publish(topic, payload, retain=retain))
        if isinstance(answer, Trouble):
            with suppress(TimeoutError):
                # The library gives up what is under way a moment before it says why the connection ended.
                async with asyncio.timeout(_REASON_S):
                    await self._is_lost.wait()
            self._lose(answer)
            raise (self.lost or answer).error()
        if answer in REFUSED_FOR_GOOD:
            raise RefusedError(f"{self._advice.address} refuses topic {topic}: {named(answer)}")
        if answer not in SUCCESS:
            raise self._advice.puback(topic, answer).error()

    async def subscribe(self, topic: str) -> None:
        """Have all messages of a topic from now on. Raises UnavailableError."""
        if self.lost is not None or self._wire is None:
            raise (self.lost or _CLOSED).error()
        answer = await self._answer(self._wire.subscribe(topic))
        if isinstance(answer, Trouble):
            self._lose(answer)
            raise (self.lost or answer).error()
        if answer not in _GRANTED:
            raise self._advice.suback(topic, answer).error()

    async def until_lost(self) -> UnavailableError:
        """Wait until the connection is lost; give why."""
        await self._is_lost.wait()
        return (self.lost or _CLOSED).error()

    async def close(self) -> None:
        """Let go of the connection. What is unconfirmed stays so."""
        self._lose(_CLOSED)
        if self._wire is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await self._is_stopped.wait()

    def let_go(self) -> None:
        """End the connection without waiting for that."""
        self._lose(_CLOSED)

    def opened(self, most_packet_bytes: int, *, retains: bool) -> None:
        """Hear from the wire."""
        self._in_loop(self._open, most_packet_bytes, retains)

    def said(self, payload: bytes, *, is_retained: bool) -> None:
        """Hear from the wire."""
        self._in_loop(self._hear, payload, is_retained)

    def ended(self, trouble: Trouble) -> None:
        """Hear from the wire."""
        self._in_loop(self._lose, trouble)

    def stopped(self) -> None:
        """Hear from the wire."""
        self._in_loop(self._is_stopped.set)

    def _in_loop(self, act: Callable[..., None], *given: object) -> None:
        with suppress(RuntimeError):
            # The loop has ended: nobody waits for it any more.
            self._loop.call_soon_threadsafe(act, *given)

    def _open(self, most_packet_bytes: int, retains: bool) -> None:  # noqa: FBT001 - called by the loop, by position
        self.most_packet_bytes = most_packet_bytes
        self.retains = retains
        self._is_open = True
        self._is_told.set()

    def _lose(self, trouble: Trouble) -> None:
        if self.lost is not None:
            return
        self.lost = trouble
        if self._is_open and trouble is not _CLOSED:
            structlog.get_logger(sink=self._advice.sink).warning(
                "connection lost", client_id=self._client_id, error=str(trouble.error())
            )
        self._is_lost.set()
        self._is_told.set()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(trouble)
        if self._wire is not None:
            self._wire.stop()

    async def _answer(self, sent: Future[int]) -> int | Trouble:
        waiter: asyncio.Future[int | Trouble] = self._loop.create_future()
        if not self._waiting:
            self._heard_at = self._loop.time()
        self._waiting.add(waiter)
        sent.add_done_callback(partial(self._answered, waiter))
        try:
            while not waiter.done():
                left_s = self._heard_at + self._patience_s - self._loop.time()
                await asyncio.wait({waiter}, timeout=max(0.0, left_s))
                if self._loop.time() >= self._heard_at + self._patience_s:
                    self._lose(self._silence())
            return waiter.result()
        finally:
            self._waiting.discard(waiter)

    def _answered(self, waiter: asyncio.Future[int | Trouble], sent: Future[int]) -> None:
        error = sent.exception()
        answer = sent.result() if error is None else library_trouble(self._advice, self._client_id, error)
        self._in_loop(self._settle, waiter, answer)

    def _settle(self, waiter: asyncio.Future[int | Trouble], answer: int | Trouble) -> None:
        if not waiter.done():
            self._heard_at = self._loop.time()
            waiter.set_result(answer)

    def _silence(self) -> Trouble:
        return Trouble(
            f"{self._advice.address} has confirmed nothing for {self._patience_s:g} s",
            "check the broker and the network; what was not confirmed is sent again",
        )
