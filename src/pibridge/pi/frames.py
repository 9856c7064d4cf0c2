"""Where WebSocket frames begin and end (RFC 6455, section 5.2). Pure."""

from typing import Final

MASKED: Final = 0x80
"""Of the second byte: a mask of four bytes stands before the payload."""
_LENGTH_BYTES: Final = {126: 2, 127: 8}
_MASK_BYTES: Final = 4


def payload_of(data: bytes, start: int) -> tuple[int, int]:
    """Give where the payload of the frame at `start` begins, and where it ends, be it beyond what has come.

    An end of -1: too little has come to tell.
    """
    begin = start + 2
    if len(data) < begin:
        return begin, -1
    size = data[start + 1] & ~MASKED
    length_bytes = _LENGTH_BYTES.get(size, 0)
    begin += length_bytes
    if data[start + 1] & MASKED:
        begin += _MASK_BYTES
    if len(data) < begin:
        return begin, -1
    if length_bytes:
        size = int.from_bytes(data[start + 2 : start + 2 + length_bytes], "big")
    return begin, begin + size
