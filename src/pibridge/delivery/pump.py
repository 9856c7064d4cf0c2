"""One sink's road out of the journal: batches, retries for ever, and the cursor that moves behind them."""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential, wait_random

from pibridge.context.deadband import Deadband
from pibridge.context.filters import Filter
from pibridge.context.record import Record
from pibridge.context.stamp import Stamp
from pibridge.delivery.hold import Hold
from pibridge.delivery.manifests import Manifests
from pibridge.delivery.replaying import Replaying
from pibridge.delivery.resending import Resent, bounds_of, letters_of, next_part, remade
from pibridge.delivery.stop import Stop
from pibridge.delivery.supply import OpenBatch, Read, SealOnDisk, Supply, first_of
from pibridge.delivery.thinning import Thinning
from pibridge.errors import JournalError, JournalFullError, UnavailableError
from pibridge.journal.cursors import Sealed
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter, Part
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.sinks.contract import Batch, Bounds, Receipt, Sink
from pibridge.status.counters import SinkCounters

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
_COMMIT_WITHHELD_EVERY_S = 1.0
_TELL_LETTERS_EVERY_S = 60.0
_CHECK_DISK = "check the disk: pibridge journal verify"


class Pump:
    """Delivers what one sink is owed, each lane for itself, until `stop` is set and the journal is read to its end."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a delivery; only the daemon makes one
        self,
        name: str,
        sink: Sink,
        journal: Journal,
        stamp: Stamp,
        admits: Filter,
        hold: Hold,
        counters: SinkCounters,
        stop: Stop,
        deadband: Deadband | None = None,
        manifests: Manifests | None = None,
    ) -> None:
        self._name = name
        self._sink = sink
        self._journal = journal
        self._stamp = stamp
        self._admits = admits
        self._hold = hold
        self._replaying = Replaying(journal, name, stamp, admits, hold)
        self._thinning = None if deadband is None else Thinning(journal, name, admits, deadband)
        self._seal = SealOnDisk(journal, name) if self._thinning is None else self._thinning.seal
        self._manifests = manifests
        self._counters = counters
        self._stop = stop
        self._writing = {lane: asyncio.Lock() for lane in Lane}
        self._untold, self._told_s = 0, -math.inf
        self._log = structlog.get_logger(sink=name)

    async def run(self) -> None:
        """Open the sink, deliver both lanes, close the sink. Ends only when stopped; raises when the journal fails."""
        try:
            if self._thinning is not None:
                await self._thinning.load()
            if self._manifests is not None:
                await self._manifests.load()
            async for attempt in self._attempts():
                with attempt:
                    await self._sink.open()
            self._note_success()
            async with asyncio.TaskGroup() as lanes:
                for lane in Lane:
                    lanes.create_task(self._deliver(lane), name=f"deliver {self._name} {lane}")
                lanes.create_task(self._resend(), name=f"send again {self._name}")
                lanes.create_task(self._replay(), name=f"replay {self._name}")
                if self._manifests is not None:
                    lanes.create_task(self._manifests.run(self._stop), name=f"manifests {self._name}")
            if self._manifests is not None:
                await self._manifests.look()
        except* (UnavailableError, JournalFullError):
            # Tries end only once `stop` is set.
            self._log.warning(
                "stopped while the sink is unavailable, its records wait in the journal",
                error=self._counters.last_error,
            )
        finally:
            await self._sink.close()

    async def _deliver(self, lane: Lane) -> None:
        is_done = False
        while not is_done:
            async for attempt in self._attempts():
                with attempt:
                    is_done = not await self._deliver_batch(lane)

    async def _deliver_batch(self, lane: Lane) -> bool:
        """Deliver what follows the cursor. False: stopped, and there is no more."""
        cursor = await self._journal.cursor(self._name, lane)
        sealed = None if cursor.sealed is None else await self._bounds(lane, cursor.sealed)
        admits = self._admits if self._thinning is None else self._thinning.begin(lane, cursor)
        if self._manifests is not None:
            admits = self._manifests.begin(lane, admits)
        supply = Supply(self._journal, lane, cursor.seq, self._stamp, admits, self._hold)
        batch = await self._fill(supply, lane, sealed)
        if batch is not None:
            await self._send(supply, batch)
        return batch is not None

    async def _send(self, supply: Supply, batch: OpenBatch) -> None:
        receipt = await self._write(batch)
        letters = letters_of(receipt)
        refused = [each.record for each in receipt.refused]
        await self._advance(batch.lane, supply.position, letters, refused, batch.day)
        self._count(batch, letters)

    async def _resend(self) -> None:
        """Send dead letters again whenever that is asked for, until stopped."""
        try:
            while (part := await next_part(self._journal, self._name, self._stop)) is not None:
                async for attempt in self._attempts():
                    with attempt:
                        await self._send_again(part)
        except (UnavailableError, JournalFullError):
            pass  # tries end only once `stop` is set
        except JournalError as error:  # one that concerns all ends the lanes, too
            self._log.error("dead letters cannot be sent again", error=str(error), hint=_CHECK_DISK)

    async def _send_again(self, part: Part) -> None:
        records, withheld = remade(part, self._stamp, self._admits)
        if not records:
            await self._settle(part)
            self._counters.withheld += withheld
            return
        batch = Resent(bounds_of(part.lane, records), records, withheld)
        receipt = await self._write(batch)
        letters = letters_of(receipt, part)
        await self._settle(part, letters, batch.day, records, [each.record for each in receipt.refused])
        self._count(batch, letters)

    async def _settle(
        self,
        part: Part,
        letters: Sequence[DeadLetter] = (),
        day: str = "",
        records: Sequence[Record] = (),
        refused: Sequence[Record] = (),
    ) -> None:
        """Note that dead letters were sent again, as these records, but for those that were refused again."""
        manifests = self._manifests
        sent = manifests.sent_again(part.letters, day, records, refused) if manifests else nullcontext(())
        async with sent as changes:
            await self._journal.letters.settle(part, letters, changes)

    async def _replay(self) -> None:
        """Send journaled events again whenever that is asked for, until stopped."""
        try:
            is_done = False
            while not is_done:
                async for attempt in self._attempts():
                    with attempt:
                        is_done = not await self._replay_part()
        except (UnavailableError, JournalFullError):
            pass  # tries end only once `stop` is set
        except JournalError as error:  # one that concerns all ends the lanes, too
            self._log.error("events cannot be sent again", error=str(error), hint=_CHECK_DISK)

    async def _replay_part(self) -> bool:
        """Send what follows of a replay. False: stopped."""
        found = await self._replaying.next(self._stop)
        if found is None:
            return False
        part, batch = found
        letters = [] if batch is None else letters_of(await self._write(batch))
        await self._replaying.settle(part, letters)
        if batch is None:
            self._counters.withheld += part.withheld
        else:
            self._count(batch, letters)
        return True

    async def _write(self, batch: Batch) -> Receipt:
        async with self._writing[batch.lane]:
            return await self._sink.write(batch)

    def _count(self, batch: OpenBatch | Resent, letters: Sequence[DeadLetter]) -> None:
        counters = self._counters
        counters.delivered += batch.records - len(letters)
        counters.refused += len(letters)
        counters.withheld += batch.withheld
        counters.batches += 1
        counters.last_ticks = max(counters.last_ticks, batch.last_ticks)
        self._note_success()
        if letters:
            self._tell_of(letters)

    def _note_success(self) -> None:
        if self._counters.state == "unavailable":
            self._log.info("sink takes records again")
        self._counters.state, self._counters.last_error = "delivering", ""

    def _tell_of(self, letters: Sequence[DeadLetter]) -> None:
        """Log them; of a sink that goes on refusing once a minute, with how many there were since."""
        self._untold += len(letters)
        now = asyncio.get_running_loop().time()
        if now - self._told_s < _TELL_LETTERS_EVERY_S:
            return
        self._log.error(
            "records refused for good, kept as dead letters",
            records=self._untold,
            reason=letters[0].reason,
            hint=f"pibridge dead-letters list --sink {self._name}; mend the reason, then resend",
        )
        self._untold, self._told_s = 0, now

    async def _fill(self, supply: Supply, lane: Lane, sealed: Bounds | None) -> OpenBatch | None:
        """Wait for the first record that passes the filter and open a batch with it; none if no more is to come."""
        loop = asyncio.get_running_loop()
        withheld: Counter[str] = Counter()
        commit_at: float | None = None
        read: Read | None
        while True:
            if sealed is not None and supply.position < sealed.last:
                read = await supply.read(sealed.last)
            else:
                # All of what was sealed is withheld by now: what follows is a batch of its own.
                sealed = None
                read = await first_of(supply, self._stop, commit_at)
            part, kept_back = read or ([], Counter())
            withheld += kept_back
            if part:
                break
            if withheld and (read is None or (commit_at is not None and loop.time() >= commit_at)):
                await self._advance(lane, supply.position)
                self._counters.withheld += withheld
                withheld, commit_at = Counter(), None
            elif withheld and commit_at is None:
                commit_at = loop.time() + _COMMIT_WITHHELD_EVERY_S
            elif read is None and self._stop.is_set():
                return None
        batch = OpenBatch(
            supply,
            part,
            lane=lane,
            deadline=loop.time() + self._sink.max_age_s,
            stop=self._stop,
            sealed=sealed,
            seal=self._seal,
        )
        batch.withheld += withheld
        return batch

    async def _advance(
        self,
        lane: Lane,
        position: int,
        letters: Sequence[DeadLetter] = (),
        refused: Sequence[Record] = (),
        day: str = "",
    ) -> None:
        """Acknowledge all up to a position. `refused`: what the dead letters were. `day`: of what was sent."""
        counted = nullcontext(()) if self._manifests is None else self._manifests.counted(lane, day, refused)
        async with counted as changes:
            if self._thinning is None:
                await self._journal.advance(self._name, lane, position, letters, changes=changes)
            else:
                tags = {record.event.tag for record in refused}
                await self._thinning.advance(lane, position, letters, tags, changes)

    async def _bounds(self, lane: Lane, sealed: Sealed) -> Bounds:
        chunk = await self._journal.next(lane, sealed.first - 1)
        return Bounds(lane, sealed.first, sealed.last, ticks.day(chunk.events[0].ticks))

    def _attempts(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type((UnavailableError, JournalFullError)),
            wait=wait_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S) + wait_random(0, _FIRST_PAUSE_S),
            before_sleep=self._note,
            sleep=self._pause,
            stop=lambda _: self._stop.is_set(),
            reraise=True,
        )

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._counters.retries += 1
        self._counters.last_error = str(error)
        if self._counters.state != "unavailable":
            self._counters.state = "unavailable"
            self._log.warning("sink unavailable, its records wait in the journal", error=str(error))

    async def _pause(self, seconds: float) -> None:
        """Wait before the next try; a stop cuts the waiting short."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
