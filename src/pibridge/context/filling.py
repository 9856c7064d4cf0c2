"""Messages filled as far as they go, where only encoding tells how many bytes some records need. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final, TypeVar

_FULL: Final = 15 / 16
"""Of the room: fuller is not worth another try."""
_AIM: Final = 0.98
"""Of the room."""
_TRIES: Final = 8
_GUESSES: Final = 4
"""Then a number that fits at all is found by halving: one large item makes poor guesses."""
_LIKELY_BYTES: Final = 64
"""Of an item, before anything is known."""

_T = TypeVar("_T")


def filled(
    items: Sequence[_T], encode: Callable[[Sequence[_T]], bytes], most_bytes: int, most_items: int
) -> Iterator[tuple[Sequence[_T], bytes]]:
    """Give the items in order, in parts that fill a message each, with its bytes.

    A part of a single item may exceed `most_bytes`. `encode`: more items need more bytes, each of them fewer.
    """
    begin, likely = 0, most_bytes // _LIKELY_BYTES
    while begin < len(items):
        part, encoded = _part(items[begin : begin + most_items], encode, most_bytes, likely)
        yield part, encoded
        begin += len(part)
        likely = int(len(part) * most_bytes * _AIM / len(encoded))


def _part(
    items: Sequence[_T], encode: Callable[[Sequence[_T]], bytes], most_bytes: int, likely: int
) -> tuple[Sequence[_T], bytes]:
    """Give the first items, as many as fit or nearly so, and their bytes; one at least."""
    # So many fit, so many do not, or are more than there are.
    least, most, encoded = 0, len(items) + 1, b""
    last = (0, 0)
    number = max(1, min(likely, len(items)))
    for tries in count(1):
        tried = encode(items[:number])
        before, last = last, (number, len(tried))
        if len(tried) <= most_bytes or number == 1:
            least, encoded = number, tried
        else:
            most = number
        if most - least == 1 or (least and (len(encoded) >= most_bytes * _FULL or tries == _TRIES)):
            break
        # Where each item needs fewer bytes than the ones before, what lies on this line, beyond both, does fit.
        guess = _on_line(before, last, int(most_bytes * _AIM))
        if most > len(items):
            guess = min(guess, len(items))
        is_good = least < guess < most and (least or tries < _GUESSES)
        number = guess if is_good else (least + most) // 2
    return items[:least], encoded


def _on_line(one: tuple[int, int], other: tuple[int, int], size_bytes: int) -> int:
    """Give how many items have this size, on the line through two numbers of items with their sizes; 0 if none do."""
    (fewer, small), (more, large) = one, other
    return 0 if small == large else more + (size_bytes - large) * (more - fewer) // (large - small)
