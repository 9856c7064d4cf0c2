"""Messages filled as far as they go, where only encoding tells how many bytes some records need. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

_FULL: Final = 15 / 16
"""Of the room: fuller is not worth another try."""
_SAFE: Final = 0.97
_TRIES: Final = 8
_LIKELY_BYTES: Final = 40
"""Of a record, before anything is known."""

_T = TypeVar("_T")


def filled(
    items: Sequence[_T], encode: Callable[[Sequence[_T]], bytes], most_bytes: int, most_items: int
) -> Iterator[tuple[Sequence[_T], bytes]]:
    """Give the items in order, in parts that fill a message each, with its bytes.

    A part of a single item may exceed `most_bytes`. `encode`: more items need more bytes, each of them fewer.
    """
    begin, likely = 0, max(1, most_bytes // _LIKELY_BYTES)
    while begin < len(items):
        part, encoded = _part(items[begin : begin + most_items], encode, most_bytes, likely)
        yield part, encoded
        begin += len(part)
        likely = _scaled(len(part), len(encoded), most_bytes)


def _part(
    items: Sequence[_T], encode: Callable[[Sequence[_T]], bytes], most_bytes: int, likely: int
) -> tuple[Sequence[_T], bytes]:
    """Give the first items, as many as fit or nearly so, and their bytes; one at least."""
    # So many fit, of more than none the bytes are known; so many do not fit, or are more than there are.
    least, most, encoded = 0, len(items) + 1, b""
    likely = min(likely, len(items))
    tries = 0
    while most - least > 1 and (tries < _TRIES or not least):
        # What shrinks by little at a time, because of one large item, is halved after some tries.
        is_guess = least < likely < most and tries < _TRIES // 2
        count = likely if is_guess else (least + most) // 2
        tried = encode(items[:count])
        tries += 1
        if len(tried) <= most_bytes or count == 1:
            least, encoded = count, tried
            if len(tried) >= most_bytes * _FULL:
                break
        else:
            most = count
        likely = _scaled(count, len(tried), most_bytes)
        if most > len(items):
            likely = min(likely, len(items))
    return items[:least], encoded


def _scaled(count: int, size_bytes: int, most_bytes: int) -> int:
    """Give how many items fill a message, by what so many need."""
    return int(count * most_bytes / size_bytes * _SAFE)
