"""One WebSocket: what comes becomes messages. The handshake, pings and farewells are left to `websockets`."""

import asyncio
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from pibridge.pi.frames import MASKED, payload_of

LARGEST_BYTES: Final = 64 << 20
"""Of a message: the first one holds the values of all streams."""

_WAITING_BYTES: Final = 256 << 10
_END_OF_HEAD: Final = b"\r\n\r\n"
_LARGEST_HEAD_BYTES: Final = 64 << 10
_WHOLE_TEXT: Final = 0x81
_DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Connection(ClientConnection):
    """A connection that hands over all messages that have come: to ask for each by itself costs more than to parse it.

    Messages of one frame, which nearly all are, it takes from what comes by itself; all else is left to `websockets`.
    It stops reading the socket while more than `_WAITING_BYTES` wait.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._rest = b""
        self._parts: list[bytes] = []
        self._messages: list[bytes] = []
        self._waiting_bytes = 0
        self._has_paused = False
        self._is_over = False
        self._is_left = False
        self._news = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Take in what has come. What is not whole yet waits in `_rest`, so `websockets` sees whole frames only."""
        data, self._rest = self._rest + data, b""
        if self.protocol.state is State.CONNECTING:
            head, mark, data = data.partition(_END_OF_HEAD)
            if not mark and len(head) < _LARGEST_HEAD_BYTES:
                self._rest = head
                return
            super().data_received(head + mark)
        place = 0
        while place < len(data):
            begin, end = payload_of(data, place)
            if self.protocol.state is not State.OPEN or end - begin > LARGEST_BYTES:
                super().data_received(data[place:])
                return
            if not place < end <= len(data):
                self._rest = data[place:]
                return
            if data[place] == _WHOLE_TEXT and not self._parts and data[place + 1] < MASKED:
                self._take(data[begin:end])
            else:
                super().data_received(data[place:end])
            place = end

    def process_event(self, event: Event) -> None:
        """Take in a part of a message that comes in several."""
        if not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
            return
        self._parts.append(bytes(event.data))
        if event.fin:
            self._take(b"".join(self._parts))
            self._parts.clear()

    def _take(self, message: bytes) -> None:
        if self._is_left:
            return
        self._messages.append(message)
        self._waiting_bytes += len(message)
        self._news.set()
        if self._waiting_bytes > _WAITING_BYTES and not self._has_paused:
            self._has_paused = True
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake who waits: nothing more comes."""
        super().connection_lost(exc)
        self._is_over = True
        self._news.set()

    async def messages(self) -> list[bytes]:
        """Wait for messages, and give all that have come. Raises ConnectionClosed, once there are no more."""
        while not self._messages:
            if self._is_over:
                await self.recv()  # raises
            self._news.clear()
            await self._news.wait()
        messages, self._messages = self._messages, []
        self._go_on()
        return messages

    async def leave(self) -> None:
        """Close the connection; what still comes is not looked at."""
        self._is_left = True
        self._go_on()
        await self.close()

    def _go_on(self) -> None:
        self._waiting_bytes = 0
        if self._has_paused:
            self._has_paused = False
            self.transport.resume_reading()
