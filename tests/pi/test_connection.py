import asyncio
from itertools import cycle, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri
from websockets.utils import accept_key

from pibridge.pi.connection import LARGEST_BYTES, Connection

TEXTS = st.lists(st.text(max_size=200), max_size=8)
PING = Frame(Opcode.PING, b"?").serialize(mask=False)


class Deaf(asyncio.Transport):
    """Hears nothing, and does not stop."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take no notice."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take no notice."""

    def pause_reading(self) -> None:
        """Take no notice."""


@given(
    texts=TEXTS,
    parts=st.lists(st.integers(1, 4), min_size=1),
    between=st.sampled_from([b"", PING]),
    cuts=st.lists(st.integers(0, 2000)),
)
def test_messages_are_the_same_however_they_are_cut(
    texts: list[str], parts: list[int], between: bytes, cuts: list[int]
) -> None:
    """Into frames by PI, with pings between them, and into pieces by the network; the handshake is the first piece."""

    async def gathered() -> list[bytes]:
        protocol = ClientProtocol(parse_uri("ws://pi.example/"))
        protocol.connect()
        connection = Connection(protocol)
        connection.connection_made(Deaf())
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Accept: {accept_key(protocol.key)}\r\n\r\n"
        )
        frames = [_framed(text, count, between) for text, count in zip(texts, cycle(parts))]
        sent = head.encode() + b"".join(frames)
        places = sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
        for begin, end in pairwise(places):
            connection.data_received(sent[begin:end])
        assert protocol.state is State.OPEN, protocol.close_exc
        return connection._messages

    assert asyncio.run(gathered()) == [text.encode() for text in texts]


def _framed(text: str, parts: int, between: bytes) -> bytes:
    data = text.encode()
    size = max(1, -(-len(data) // parts))
    pieces = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
    frames = [
        Frame(Opcode.CONT if place else Opcode.TEXT, piece, fin=place == len(pieces) - 1).serialize(mask=False)
        for place, piece in enumerate(pieces)
    ]
    return between.join([b"", *frames])


def test_a_frame_that_is_too_large_is_refused_before_it_has_come() -> None:
    """Nobody gathers what will not be taken."""

    async def told() -> int | None:
        connection = Connection(ClientProtocol(parse_uri("ws://pi.example/"), state=State.OPEN))
        connection.connection_made(Deaf())
        connection.data_received(b"\x81\x7f" + (LARGEST_BYTES + 1).to_bytes(8, "big") + b"x")
        connection.connection_lost(None)
        with pytest.raises(ConnectionClosed) as closed:
            await connection.messages()
        return closed.value.sent.code if closed.value.sent else None

    assert asyncio.run(told()) == CloseCode.MESSAGE_TOO_BIG


def test_a_message_between_the_fragments_of_another_is_an_error() -> None:
    """It is left to `websockets`, which ends the connection: whose parts follow nobody could tell."""

    async def told() -> State:
        protocol = ClientProtocol(parse_uri("ws://pi.example/"), state=State.OPEN)
        connection = Connection(protocol)
        connection.connection_made(Deaf())
        connection.data_received(b"\x01\x01a" + b"\x81\x01b")
        return protocol.state

    assert asyncio.run(told()) is State.CLOSING
