"""Backfills as the daemon deals with them: ordered, paused, read gap by gap. They survive restarts."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from pibridge.context.choice import Choice
from pibridge.errors import PIBridgeError
from pibridge.journal import backfill, gaps
from pibridge.journal.backfill import Backfill, Kind, WantedHistory
from pibridge.journal.gaps import NewGap
from pibridge.journal.replay import State, new_id
from pibridge.journal.requests import Requests
from pibridge.journal.tally import Ledger

_ROW_BYTES: Final = 1 << 13
_TAG_BYTES: Final = 16
_GAP_BYTES: Final = 64


class Backfills:
    """All backfills. All calls raise JournalError."""

    def __init__(self, requests: Requests, found: Iterable[Backfill]) -> None:
        self._requests = requests
        self._all = {each.id: each for each in found}
        self._news = asyncio.Event()
        self.changes = 0
        self._note()

    @property
    def all(self) -> list[Backfill]:
        """Give all, the first that was asked for first."""
        return list(self._all.values())

    def one(self, backfill_id: str) -> Backfill | None:
        """Give one."""
        return self._all.get(backfill_id)

    def of_time(self, start_ticks: int, end_ticks: int) -> list[tuple[int, int, int]]:
        """Give the tags that backfills have read, or are to read, in this time: number, first and last tick."""
        return [
            (number, max(start_ticks, each.choice.start_ticks), min(end_ticks, each.end_ticks))
            for each in self._all.values()
            if each.kind == "backfill" and each.begun and each.state != "cancelled"
            if each.choice.start_ticks <= end_ticks and each.end_ticks >= start_ticks
            for number in each.numbers
        ]

    def is_paused(self, reason: str) -> bool:
        """Tell whether gaps of this reason are not to be read now."""
        return reason in self._paused

    def running(self, kind: Kind) -> Backfill | None:
        """Give the first of those that are to be worked on."""
        return next((each for each in self._all.values() if each.kind == kind and each.state == "running"), None)

    async def changed(self, known: int) -> None:
        """Wait until one was ordered, paused, resumed or cancelled since there had been `known` such changes."""
        while self.changes == known:
            await self._news.wait()

    async def order(self, wanted: WantedHistory, kind: Kind) -> str:
        """Ask for history, durably; give the id."""

        def run(ledger: Ledger) -> tuple[str, list[Backfill]]:
            made_s = int(ledger.now_s)
            backfill_id = new_id(made_s, (each.id for each in backfill.load(ledger.db)))
            backfill.forget_old(ledger.db)
            backfill.save(
                ledger.db,
                Backfill(id=backfill_id, kind=kind, choice=wanted.choice, again=wanted.again, made_s=made_s),
            )
            return backfill_id, backfill.load(ledger.db)

        backfill_id, now = await self._requests.ask(run, _ROW_BYTES)
        self._all = {each.id: each for each in now}
        self._tell()
        return backfill_id

    async def repair(self, spans: Mapping[int, tuple[int, int]]) -> str:
        """Have tags read again from when to when; what the journal has is not told again. Durable; give the id."""

        def run(ledger: Ledger) -> tuple[str, list[Backfill]]:
            made_s = int(ledger.now_s)
            repair_id = new_id(made_s, (each.id for each in backfill.load(ledger.db)))
            reason = backfill.reason_of(repair_id)
            new = [NewGap(number, start, end, reason) for number, (start, end) in sorted(spans.items())]
            backfill.forget_old(ledger.db)
            gaps.insert(ledger.db, new)
            backfill.save(ledger.db, _repair_of(repair_id, made_s, new))
            return repair_id, backfill.load(ledger.db)

        repair_id, now = await self._requests.ask(run, _ROW_BYTES + (_TAG_BYTES + _GAP_BYTES) * len(spans))
        self._all = {each.id: each for each in now}
        self._tell()
        return repair_id

    async def begin(self, found: Backfill, numbers: Sequence[int], end_ticks: int, new: Sequence[NewGap] = ()) -> None:
        """Write down which tags are meant and, of a backfill, what is to be read of them; durable on return."""

        def begun(ledger: Ledger, now: Backfill) -> Backfill:
            gaps.insert(ledger.db, new)
            owed_ticks = backfill.length(new)
            return replace(now, begun=True, numbers=tuple(numbers), end_ticks=end_ticks, owed_ticks=owed_ticks)

        await self._change(found.id, begun, _TAG_BYTES * len(numbers) + _GAP_BYTES * len(new))

    async def look(self, found: Backfill, looked: int) -> None:
        """Note that so many tags were compared; durable on return."""
        await self._change(found.id, lambda _, now: replace(now, looked=looked), _TAG_BYTES * len(found.numbers))

    async def finish(self, found: Backfill) -> None:
        """Note that it is done; durable on return."""
        await self._change(found.id, lambda _, now: _turned(now, {"running"}, "done"), _TAG_BYTES * len(found.numbers))

    async def owed(self, found: Backfill) -> int:
        """Give how many of its gaps are not read yet."""
        count = "SELECT count(*) FROM gap WHERE reason = ?"
        return await self._requests.ask(lambda ledger: int(ledger.db.execute(count, (found.reason,)).get))

    async def pause(self, backfill_id: str) -> int:
        """Read no more of it until it is resumed; give 1 if it was on its way."""
        return await self._turn(backfill_id, {"running"}, "paused")

    async def resume(self, backfill_id: str) -> int:
        """Go on where it was paused; give 1 if it was."""
        return await self._turn(backfill_id, {"paused"}, "running")

    async def cancel(self, backfill_id: str) -> int:
        """Read no more of it: its gaps are owed no longer; give 1 if it was on its way."""
        return await self._turn(backfill_id, {"running", "paused"}, "cancelled")

    async def _turn(self, backfill_id: str, before: set[State], state: State) -> int:
        known = self._all.get(backfill_id)
        if known is None:
            raise PIBridgeError(f"there is no backfill {backfill_id}", hint="pibridge backfill list shows them")
        if known.state not in before:
            return 0

        def turned(ledger: Ledger, now: Backfill) -> Backfill:
            left = _left_by(ledger, now) if state == "cancelled" else 0
            return replace(_turned(now, before, state), left_ticks=left)

        await self._change(backfill_id, turned, _TAG_BYTES * len(known.numbers))
        self._tell()
        return int(self._all[backfill_id].state == state)

    async def _change(
        self,
        backfill_id: str,
        change: Callable[[Ledger, Backfill], Backfill],
        size_bytes: int,
    ) -> None:
        """Change one in a transaction, unless it is over or gone."""

        def run(ledger: Ledger) -> Backfill | None:
            known = backfill.one(ledger.db, backfill_id)
            if known is None or known.state in {"done", "cancelled"}:
                return known
            now = change(ledger, known)
            backfill.save(ledger.db, now)
            return now

        now = await self._requests.ask(run, _ROW_BYTES + size_bytes)
        if now is not None:
            self._all[backfill_id] = now
        self._note()

    def _note(self) -> None:
        self._paused = {each.reason for each in self._all.values() if each.state == "paused"}

    def _tell(self) -> None:
        self._note()
        self.changes += 1
        self._news.set()
        self._news = asyncio.Event()


def _repair_of(repair_id: str, made_s: int, new: Sequence[NewGap]) -> Backfill:
    ends = [gap.end_ticks or 0 for gap in new]
    first, last = min(gap.start_ticks for gap in new), max(ends)
    return Backfill(
        id=repair_id,
        kind="repair",
        choice=Choice(start_ticks=first, end_ticks=last),
        made_s=made_s,
        begun=True,
        numbers=tuple(gap.tag for gap in new),
        end_ticks=last,
        owed_ticks=sum(end - gap.start_ticks + 1 for gap, end in zip(new, ends, strict=True)),
    )


def _left_by(ledger: Ledger, cancelled: Backfill) -> int:
    """Let go of the gaps of one that is cancelled; give how long they were.

    What a later one was asked for, too, and did not open gaps for as these were there, is that one's now.
    """
    left = [gap for gap in gaps.unpaid(ledger.db) if gap.reason == cancelled.reason]
    later = [
        (each.choice.start_ticks, each.end_ticks, frozenset(each.numbers), each.reason)
        for each in backfill.load(ledger.db)
        if each.id > cancelled.id and each.kind == "backfill" and each.begun and each.state != "cancelled"
    ]
    for gap in left:
        ledger.db.execute("DELETE FROM gap WHERE id = ?", (gap.id,))
        for start, end, numbers, reason in later:
            first, last = max(start, gap.start_ticks), min(end, gap.end_ticks or 0)
            if gap.tag in numbers and first <= last:
                gaps.insert(ledger.db, [NewGap(gap.tag, first, last, reason)])
    return backfill.length(left)


def _turned(now: Backfill, before: set[State], state: State) -> Backfill:
    return replace(now, state=state) if now.state in before else now
