"""Replays as the daemon deals with them: ordered, paused, sent part by part. They survive restarts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from msgspec.structs import replace

from pibridge.errors import PIBridgeError
from pibridge.journal import letters, replay
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.letters import DeadLetter
from pibridge.journal.reader import JournalReader
from pibridge.journal.replay import Replay, SealedPart, Sent, State, WantedReplay
from pibridge.journal.requests import Requests
from pibridge.journal.tally import Ledger
from pibridge.model.event import Lane

_ROW_BYTES: Final = 1 << 13

_T = TypeVar("_T")


class _LookUp(Protocol):
    def __call__(self, run: Callable[[], _T], /) -> Awaitable[_T]: ...


class Replays:
    """All replays. `look_up`: has something done where `reader` may be used. `largest_bytes`: of dead letters kept.

    All calls raise JournalError.
    """

    def __init__(
        self,
        requests: Requests,
        look_up: _LookUp,
        reader: JournalReader,
        found: Iterable[Replay],
        largest_bytes: int,
    ) -> None:
        self._requests = requests
        self._look_up = look_up
        self._reader = reader
        self._all = {each.key: each for each in found}
        self._largest_bytes = largest_bytes
        self._news = asyncio.Event()

    @property
    def all(self) -> list[Replay]:
        """Give all, the first that was asked for first."""
        return list(self._all.values())

    async def order(self, wanted: WantedReplay) -> str:
        """Put events on their way again, durably: what is in the journal now. Give the id."""
        choice, sinks = wanted.choice, sorted(set(wanted.sinks))

        def look() -> tuple[int, Sequence[int]]:
            upto = self._reader.tally().next_seq - 1
            return upto, self._reader.spanning(choice.start_ticks, choice.end_ticks, 0, upto)

        upto, meant = await self._look_up(look)
        begin = meant[0] - 1 if meant else upto

        def run(ledger: Ledger) -> tuple[str, list[Replay]]:
            made_s = int(ledger.now_s)
            replay_id = replay.new_id(made_s, (each.id for each in replay.load(ledger.db)))
            replay.forget_old(ledger.db)
            for sink in sinks:
                new = Replay(
                    id=replay_id,
                    sink=sink,
                    choice=choice,
                    begin=begin,
                    upto=upto,
                    rate=wanted.rate,
                    made_s=made_s,
                    seq=begin,
                    left=len(meant),
                    state="done" if begin == upto else "running",
                )
                replay.save(ledger.db, new)
            return replay_id, replay.load(ledger.db)

        replay_id, now = await self._requests.ask(run, len(sinks) * _ROW_BYTES)
        self._all = {each.key: each for each in now}
        self._tell()
        return replay_id

    async def pause(self, replay_id: str) -> int:
        """Send no more of it until it is resumed; give to how many sinks it was on its way."""
        return await self._turn(replay_id, {"running"}, "paused")

    async def resume(self, replay_id: str) -> int:
        """Go on where it was paused; give to how many sinks."""
        return await self._turn(replay_id, {"paused"}, "running")

    async def cancel(self, replay_id: str) -> int:
        """Send no more of it; give to how many sinks it was on its way."""
        return await self._turn(replay_id, {"running", "paused"}, "cancelled")

    async def call_off(self, sink: str) -> None:
        """Cancel what is on its way to a sink."""
        for replay_id, name in list(self._all):
            if name == sink:
                await self._turn(replay_id, {"running", "paused"}, "cancelled", sink)

    async def next(self, sink: str) -> Replay:
        """Give what is to be sent to a sink once more; wait until there is anything."""
        while True:
            news = self._news
            for each in self._all.values():
                if each.sink == sink and each.state == "running":
                    return each
            await news.wait()

    def is_running(self, found: Replay) -> bool:
        """Tell whether it is still to be sent."""
        known = self._all.get(found.key)
        return known is not None and known.state == "running"

    async def halted(self, found: Replay) -> None:
        """Wait until it is not to be sent any more, or not now."""
        while True:
            news = self._news
            if not self.is_running(found):
                return
            await news.wait()

    async def positions(self, found: Replay) -> Sequence[int]:
        """Give the first places of the chunks that may hold what is still to be sent, in order."""
        choice = found.choice
        span = choice.start_ticks, choice.end_ticks, found.seq, found.upto
        return await self._look_up(partial(self._reader.spanning, *span))

    async def chunk(self, seq: int) -> Chunk | Damaged | None:
        """Give the chunk that begins at a place. None: it is not kept any more."""
        return await self._look_up(partial(self._reader.chunk, seq))

    async def seal(self, found: Replay, part: SealedPart) -> None:
        """Fix the bounds of the part that is about to leave; durable on return."""
        await self._change(found, lambda now: replace(now, sealed=part))

    async def settle(
        self,
        found: Replay,
        until: int,
        sent: Sent,
        refused: Sequence[tuple[Lane, DeadLetter]],
    ) -> None:
        """Note that all up to a place has been sent but for dead letters, which are kept; durable on return."""

        def settled(now: Replay) -> Replay:
            both = now.withheld, sent.withheld
            withheld = {key: sum(each.get(key, 0) for each in both) for key in {*both[0], *both[1]}}
            state: State = "done" if until >= now.upto and now.state != "cancelled" else now.state
            return replace(
                now,
                seq=until,
                sealed=None,
                state=state,
                sent=now.sent + sent.sent,
                refused=now.refused + len(refused),
                withheld=withheld,
                gone=now.gone + sent.gone,
                left=sent.left,
            )

        await self._change(found, settled, refused)

    async def _change(
        self, found: Replay, change: Callable[[Replay], Replay], refused: Sequence[tuple[Lane, DeadLetter]] = ()
    ) -> None:
        def run(ledger: Ledger) -> Replay | None:
            for lane in Lane:
                those = [letter for of, letter in refused if of is lane]
                letters.add(ledger, found.sink, lane, those, self._largest_bytes)
            ledger.tally.dead_letters += len(refused)
            known = replay.one(ledger.db, found.key)
            now = None if known is None else change(known)
            if now is not None:
                replay.save(ledger.db, now)
            return now

        now = await self._requests.ask(run, _ROW_BYTES + sum(len(letter.line) + 64 for _, letter in refused))
        if now is not None:
            self._all[now.key] = now

    async def _turn(self, replay_id: str, before: set[str], state: State, sink: str | None = None) -> int:
        """Give those of a replay another state that have one of these; give how many. PIBridgeError: none is known."""
        keys = [key for key in self._all if key[0] == replay_id and sink in {None, key[1]}]
        if not keys:
            raise PIBridgeError(f"there is no replay {replay_id}", hint="pibridge replay list shows them")
        turned = 0
        for key in keys:
            if self._all[key].state in before:
                await self._change(self._all[key], partial(_in_state, before=before, state=state))
                turned += self._all[key].state == state
        self._tell()
        return turned

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _in_state(now: Replay, before: set[str], state: State) -> Replay:
    return replace(now, state=state) if now.state in before else now
