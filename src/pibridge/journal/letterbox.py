"""Dead letters as the daemon deals with them: dropped, put on their way again, delivered after all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from pibridge.journal import facts, letters
from pibridge.journal.facts import FactChange
from pibridge.journal.letters import DeadLetter, Found, Part, Wanted
from pibridge.journal.reader import JournalReader
from pibridge.journal.requests import Requests
from pibridge.journal.tally import Ledger

_PAGES_BYTES: Final = 1 << 16
"""What a change of many small rows writes beside them, roughly."""

_T = TypeVar("_T")


class _LookUp(Protocol):
    def __call__(self, run: Callable[[], _T], /) -> Awaitable[_T]: ...


class Letterbox:
    """`look_up`: has something done where `reader` may be used. `largest_bytes`: of the dead letters kept.

    All calls raise JournalError.
    """

    def __init__(self, requests: Requests, look_up: _LookUp, reader: JournalReader, largest_bytes: int) -> None:
        self._requests = requests
        self._look_up = look_up
        self._reader = reader
        self._largest_bytes = largest_bytes
        self._news = asyncio.Event()

    async def drop(self, wanted: Wanted) -> int:
        """Forget dead letters, durably; give how many. Cut short, some are forgotten."""
        dropped = 0
        for part in letters.parts(await self._find(wanted)):
            run = partial(letters.remove, ids=[each.id for each in part])
            dropped += await self._requests.ask(run, _written_bytes(part))
        return dropped

    async def resend(self, wanted: Wanted) -> int:
        """Put dead letters on their way again, durably; give how many. Cut short, some are on their way."""
        sent = 0
        for part in letters.parts([each for each in await self._find(wanted) if each.is_whole]):
            run = partial(letters.move, sink=wanted.sink, lane=part[0].lane, ids=[each.id for each in part])
            sent += await self._requests.ask(run, 2 * _written_bytes(part))
            self._news.set()
            self._news = asyncio.Event()
        return sent

    async def next(self, sink: str) -> Part:
        """Give what is to be sent next to a sink once more; wait until there is anything. The same until settled."""
        while True:
            news = self._news
            part = await self._look_up(partial(self._reader.next_part, sink))
            if part is not None:
                return part
            await news.wait()

    async def settle(self, part: Part, refused: Sequence[DeadLetter], changes: Sequence[FactChange] = ()) -> None:
        """Note that a part is delivered, but for what was refused again, and facts; durable on return."""

        def run(ledger: Ledger) -> None:
            letters.settle(ledger, part, refused, self._largest_bytes)
            facts.change(ledger.db, changes)
            ledger.tally.dead_letters += len(refused)

        lines_bytes = sum(len(letter.line) for letter in part.letters)
        await self._requests.ask(run, _PAGES_BYTES + 2 * lines_bytes + facts.size_bytes(changes))

    async def call_off(self, sink: str) -> None:
        """Make dead letters again of what is on its way to a sink."""

        def run(ledger: Ledger) -> bool:
            part = letters.next_part(ledger.db, sink)
            if part is not None:
                letters.settle(ledger, part, part.letters, self._largest_bytes)
            return part is not None

        while await self._requests.ask(run, 2 * _PAGES_BYTES):
            pass

    async def _find(self, wanted: Wanted) -> list[Found]:
        return await self._look_up(partial(self._reader.find_dead_letters, wanted))


def _written_bytes(part: Sequence[Found]) -> int:
    return _PAGES_BYTES + sum(each.size_bytes for each in part)
