"""Empty pages go back to the disk a few at a time, between the commits of others."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from pibridge.journal.schema import PAGE_BYTES

_STEP_PAGES: Final = 256
_WORK_S: Final = 5.0
"""How long one call takes at most: who wants more calls again."""
_LONGEST_STEP_S: Final = 0.25
"""A step that takes longer is felt by what comes from PI."""
_SHARE: Final = 0.2
"""Of the writer's time."""


class Compacted(Struct, frozen=True):
    """`given_back_bytes`: in this call; `left_bytes`: empty pages that are still there. `why`: it was given up."""

    given_back_bytes: int
    left_bytes: int
    why: str = ""


async def compact(
    give_back: Callable[[int], Awaitable[int]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Compacted:
    """Give pages back for some seconds. `give_back`: gives so many back durably, and gives how many are left."""
    begin_s = clock()
    left = before = await give_back(0)
    while left and clock() - begin_s < _WORK_S:
        step_begin_s = clock()
        left = await give_back(_STEP_PAGES)
        took_s = clock() - step_begin_s
        if took_s > _LONGEST_STEP_S:
            why = f"the disk is too slow now: a step took {took_s:.2f} s, and what comes from PI waited for it"
            return _compacted(before, left, why)
        await sleep(took_s * (1 / _SHARE - 1))
    return _compacted(before, left, "")


def _compacted(before: int, left: int, why: str) -> Compacted:
    return Compacted(max(0, before - left) * PAGE_BYTES, left * PAGE_BYTES, why)
