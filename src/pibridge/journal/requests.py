"""Who waits for the writer: questions to its thread, and the answers back into the event loop."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

import apsw

from pibridge.errors import JournalError
from pibridge.journal.jobs import Call, Job, Store
from pibridge.journal.tally import Ledger

_T = TypeVar("_T")
_ITEMS_AT_ONCE: Final = 5000


class Requests:
    """`failed`: is given a JournalError when the disk failed, or a bug stopped the writer."""

    def __init__(self, submit: Callable[[Job], None]) -> None:
        self._submit = submit
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[Any]] = set()
        self.failed: asyncio.Future[NoReturn] = self._loop.create_future()

    async def ask(self, run: Callable[[Ledger], _T], size_bytes: int = 0) -> _T:
        """Have this done in the writer's next transaction; give what it gave. Raises JournalFullError, JournalError."""
        self.raise_failure()
        future: asyncio.Future[_T] = self._loop.create_future()
        self._submit(Call(run, future, size_bytes))
        return await self._answer(future)

    async def change_many(
        self, run: Callable[[apsw.Connection, Sequence[_T]], object], items: Sequence[_T], item_bytes: int
    ) -> None:
        """Have this done to many items, some thousands in each transaction. `item_bytes`: about what one writes."""
        for start in range(0, len(items), _ITEMS_AT_ONCE):
            part = items[start : start + _ITEMS_AT_ONCE]
            await self.ask(partial(_run, run, part), item_bytes * len(part))

    async def store(self, store: Store) -> None:
        """Have this stored; durable on return. Raises JournalFullError, JournalError."""
        self.raise_failure()
        future: asyncio.Future[None] = self._loop.create_future()
        store.future = future
        self._submit(store)
        await self._answer(future)

    def resolve(self, answers: Iterable[tuple[asyncio.Future[Any], object]]) -> None:
        """Give the answers to those who still wait."""
        for future, answer in answers:
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def fail(self, error: JournalError) -> None:
        """Give this error to all who wait and who ask from now on."""
        self.failed.set_exception(error)
        self.failed.exception()  # who does not wait for it gets no warning
        self.resolve([(future, error) for future in self._waiting])

    def raise_failure(self) -> None:
        """Raise the JournalError, if there is one."""
        if self.failed.done():
            self.failed.result()

    def from_thread(self, take: Callable[[_T], None], what: _T) -> None:
        """Have the event loop call `take`."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(take, what)

    async def _answer(self, future: "asyncio.Future[_T]") -> _T:
        self._waiting.add(future)
        try:
            return await future
        finally:
            self._waiting.discard(future)


def _run(run: Callable[[apsw.Connection, Sequence[_T]], object], items: Sequence[_T], ledger: Ledger) -> None:
    run(ledger.db, items)
