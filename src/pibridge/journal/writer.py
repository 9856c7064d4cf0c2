"""The one thread that writes. All that waits is committed together; the next commit starts when the last has ended."""

import threading
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

import apsw
import structlog
from msgspec.structs import replace

from pibridge.errors import JournalError
from pibridge.journal import chunks, gaps, tally
from pibridge.journal.codec import Packer
from pibridge.journal.jobs import Call, Job, Remember, Settled, Store, full_error
from pibridge.journal.letters import Counting
from pibridge.journal.newest import NewestPages
from pibridge.journal.quota import Quota, Reserve, used_bytes
from pibridge.journal.retention import Retention, UndoneError
from pibridge.journal.schema import PAGE_BYTES
from pibridge.journal.tally import Ledger, Tally
from pibridge.journal.work import Work

_log = structlog.get_logger()

_TICK_S: Final = 1.0
_AT_ONCE_EVENTS: Final = 50_000
_MAKE_ROOM: Final = "make the sinks take their backlog, or raise journal.max_size"
_T = TypeVar("_T")


class Writer:
    """Owns the writing connection. `settle` and `fail` are called from its thread.

    `full`, `tally`, `letters`, `gaps`, `used_bytes` and `oldest_seq` may be read from any thread.
    """

    def __init__(  # noqa: PLR0913 - the parts of one machine
        self,
        db: apsw.Connection,
        *,
        quota: Quota,
        reserve: Reserve,
        retention: Retention,
        now: Callable[[], float],
        tags: Callable[[], int],
        settle: Callable[[Settled], None],
        fail: Callable[[JournalError], None],
    ) -> None:
        self.full = False
        self.tally = tally.load(db)
        self._counting = Counting()
        self.letters = self._counting(db, self.tally)
        self.gaps = gaps.count(db)
        self.oldest_seq = chunks.oldest(db) or self.tally.next_seq
        self.used_bytes = used_bytes(db)
        self._db = db
        self._quota, self._reserve, self._retention = quota, reserve, retention
        self._now, self._tags, self._settle, self._fail = now, tags, settle, fail
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._stalled: deque[Store] = deque()
        self._packer = Packer()
        self._pages = NewestPages()
        self._wal_pages = 0
        self._is_shrinking = False
        self._ticked_s = 0.0
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._quota.limit_file(self._db)
        self._db.set_wal_hook(self._note_wal)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; jobs are done in order."""
        self._jobs.put(job)

    def stop(self) -> None:
        """Ask the thread to end after all that is queued. To be followed by `join`."""
        self._jobs.put(None)

    def join(self) -> None:
        """Wait for the thread."""
        self._thread.join()

    def give_back(self, ledger: Ledger, pages: int) -> int:
        """Give so many empty pages back to the disk; give how many are left. To be run as a job.

        The log is carried over right behind it: so it grows by no more than these pages.
        """
        if pages:  # to SQLite, none means all
            ledger.db.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
            self._is_shrinking = True
        return int(ledger.db.pragma("freelist_count"))

    def _run(self) -> None:
        try:
            while self._step():
                pass
            if self._stalled:
                _log.warning(
                    "events not stored: journal full",
                    events=sum(len(store.events) for store in self._stalled),
                    hint="they are read from PI at the next start",
                )
            self._close(is_whole=self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE))
        except Exception as error:  # noqa: BLE001 - the end of a thread: told to the daemon, which stops
            _log.error(
                "journal failed",
                error=str(error),
                kind=type(error).__name__,
                hint="check the disk, then start again",
            )
            self._close(is_whole=False)
            self._fail(
                JournalError(
                    f"the journal could not be written: {error}",
                    hint="what was acknowledged is on disk; check the disk, then start again",
                )
            )

    def _close(self, *, is_whole: bool) -> None:
        if not is_whole:
            self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # what failed is not tried again
        self._db.close(force=not is_whole)

    def _step(self) -> bool:
        jobs, goes_on = self._take()
        now_s = self._now()
        if abs(now_s - self._ticked_s) >= _TICK_S:
            self._ticked_s = now_s
            self._tick(now_s)
        if self.full:
            self._try_to_reopen(now_s)
        if not self.full and self._stalled:
            jobs = [*self._stalled, *jobs]
            self._stalled.clear()
        for group in self._groups(jobs):
            self._commit(group, now_s)
        return goes_on

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for jobs, up to a second; give all there are, up to some number of events. False: the last ones."""
        jobs: list[Job] = []
        events = 0
        goes_on = True
        with suppress(Empty):
            job = self._jobs.get(timeout=_TICK_S)
            while job is not None:
                jobs.append(job)
                if isinstance(job, Store):
                    events += len(job.events)
                if events >= _AT_ONCE_EVENTS:
                    break
                job = self._jobs.get_nowait()
            goes_on = job is not None
        return self._packed(jobs), goes_on

    def _packed(self, jobs: Sequence[Job]) -> list[Job]:
        stores = [job for job in jobs if isinstance(job, Store)]
        for store, parts in zip(stores, self._packer.pack_all([store.events for store in stores]), strict=True):
            store.packed = parts
        packed: list[Job] = []
        for job in jobs:
            packed += job.parts() if isinstance(job, Store) and job.future is None else (job,)
        return packed

    def _groups(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """Give the jobs, in order, in parts that the write-ahead log has room for."""
        group: list[Job] = []
        size_bytes = 0
        for job in jobs:
            if group and size_bytes + job.size_bytes > self._quota.group_bytes:
                yield group
                group, size_bytes = [], 0
            group.append(job)
            size_bytes += job.size_bytes
        if group:
            yield group

    def _commit(self, jobs: Sequence[Job], now_s: float) -> None:
        try:
            settled = self._transact(jobs, now_s)
        except apsw.FullError:
            self._disk_is_full()
            settled = self._one_by_one(jobs, now_s)
        except Exception as error:
            if _is_of_the_disk(error):
                raise
            settled = self._one_by_one(jobs, now_s)  # one job is wrong: its caller is told, the others are done
        self._settle(settled)
        if self._is_shrinking or self._wal_pages * PAGE_BYTES >= self._quota.wal_soft_bytes:
            self._is_shrinking = False
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _one_by_one(self, jobs: Sequence[Job], now_s: float) -> Settled:
        settled = Settled()
        for job in jobs:
            try:
                settled.add(self._transact((job,), now_s))
            except apsw.FullError:
                self._disk_is_full()
                self._refuse(job, settled, full_error())
            except Exception as error:
                if _is_of_the_disk(error) or isinstance(job, Remember) or job.future is None:
                    raise
                self._refuse(job, settled, error)
        return settled

    def _transact(self, jobs: Sequence[Job], now_s: float) -> Settled:
        """Do the jobs in one transaction. On any error nothing of it is done."""
        self._make_wal_room(sum(job.size_bytes for job in jobs))
        try:
            work = self._change(now_s, lambda ledger: self._do_all(ledger, jobs))
        except BaseException:
            self._pages.forget()
            raise
        for store in work.refused:
            self._refuse(store, work.settled, full_error())
        return work.settled

    def _do_all(self, ledger: Ledger, jobs: Sequence[Job]) -> Work:
        expected_bytes = self.used_bytes + sum(job.size_bytes for job in jobs)
        has_room = self._retention.is_below_pressure(expected_bytes, self._tags())
        work = Work(ledger, chunks.Rows(ledger), has_room=has_room)
        for job in jobs:
            self._do(job, work)
        work.rows.write()
        return work

    def _do(self, job: Job, work: Work) -> None:
        match job:
            case Store() if job.size_bytes > self._quota.wal_bytes:
                raise JournalError("more than fits one commit of the journal", hint="raise journal.max_size")
            case Store() if self.full or not self._fits(job, work):
                self._set_full("journal.max_size is reached")
                work.refused.append(job)
            case Store():
                work.store(job)
            case Call():
                work.rows.write()
                work.settled.answers.append((job.future, job.run(work.ledger)))
            case Remember() if not (self._stalled or work.refused):
                self._remember(work.ledger, job)

    def _fits(self, store: Store, work: Work) -> bool:
        if work.has_room:
            return True
        work.rows.write()
        return self._retention.make_room(work.ledger, store.size_bytes, self._tags())

    def _remember(self, ledger: Ledger, job: Remember) -> None:
        ahead = [store.first_seq for store in job.ahead if store.first_seq]
        ledger.tally.newest_seq = min(ahead, default=ledger.tally.next_seq) - 1
        self._pages.store(ledger.db, job.snapshot)

    def _refuse(self, job: Job, settled: Settled, error: Exception) -> None:
        """Live events wait here until there is room; whoever waits for an answer is told."""
        match job:
            case Store(future=None):
                self._stalled.append(job)
            case Store(future=Future() as future):
                settled.refused.append(job)
                settled.answers.append((future, error))
            case Call():
                settled.answers.append((job.future, error))

    def _tick(self, now_s: float) -> None:
        """Do what is due about once a second."""
        if self._retention.has_expired(Ledger(self._db, self.tally, now_s)):
            self._change_if_possible(now_s, self._retention.expire)
        self.letters = self._counting(self._db, self.tally)
        self.gaps = gaps.count(self._db)
        if not self._reserve.keep():
            self._set_full("the disk is full", "free space on the disk of journal.path")
        if self._quota.excess_bytes(self._db):
            self._set_full("journal.max_size was made smaller")
            self._change_if_possible(now_s, self._give_excess_back)
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._quota.limit_file(self._db)

    def _try_to_reopen(self, now_s: float) -> None:
        """End the full state when there is room well below the limit, so that it does not come back at once."""
        waiting_bytes = self._stalled[0].size_bytes if self._stalled else PAGE_BYTES
        has_room = self._change_if_possible(
            now_s, lambda ledger: self._retention.has_room_again(ledger, waiting_bytes, self._tags())
        )
        if has_room and self._reserve.keep() and not self._quota.excess_bytes(self._db):
            self.full = False
            _log.info("journal has room again", used_bytes=self.used_bytes)

    def _change_if_possible(self, now_s: float, run: Callable[[Ledger], _T]) -> _T | None:
        """Change what needs no room, as far as the disk has room for it."""
        try:
            return self._change(now_s, run)
        except apsw.FullError:
            self._disk_is_full()
            return None

    def _change(self, now_s: float, run: Callable[[Ledger], _T]) -> _T:
        """Do it in one transaction. On any error nothing of it is done."""
        while True:
            ledger = Ledger(self._db, replace(self.tally), now_s)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                result = run(ledger)
                if ledger.tally != self.tally:
                    tally.save(self._db, ledger.tally)
                self._db.execute("COMMIT")
            except UndoneError:
                continue
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._publish(ledger.tally)
            return result

    def _give_excess_back(self, ledger: Ledger) -> None:
        self.give_back(ledger, min(self._quota.excess_bytes(self._db), self._quota.group_bytes) // PAGE_BYTES + 1)

    def _make_wal_room(self, incoming_bytes: int) -> None:
        too_much = self._wal_pages * PAGE_BYTES + incoming_bytes > self._quota.wal_bytes
        if too_much and not self._checkpoint(apsw.SQLITE_CHECKPOINT_RESTART):
            self._set_full(
                "the write-ahead log cannot be emptied: another process keeps reading the journal",
                "end the program that reads the journal",
            )

    def _checkpoint(self, mode: int) -> bool:
        """Carry the write-ahead log over into the file. False: someone reads it, or the disk is full."""
        try:
            self._db.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            return False
        except apsw.FullError:
            self._disk_is_full()
            return False
        if mode != apsw.SQLITE_CHECKPOINT_PASSIVE:
            self._wal_pages = 0
        return True

    def _disk_is_full(self) -> None:
        """Leave what the reserve held to gaps and cursors."""
        self._set_full("the disk is full", "free space on the disk of journal.path")
        self._reserve.release()

    def _set_full(self, reason: str, hint: str = _MAKE_ROOM) -> None:
        if not self.full:
            self.full = True
            _log.warning("journal full", reason=reason, used_bytes=self.used_bytes, hint=hint)

    def _publish(self, now: Tally) -> None:
        self.tally = now
        self.used_bytes = used_bytes(self._db)
        self.oldest_seq = chunks.oldest(self._db) or now.next_seq

    def _note_wal(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK


def _is_of_the_disk(error: Exception) -> bool:
    """Tell whether nobody may go on: the file or the disk below it is wrong, not what was asked for."""
    return isinstance(error, apsw.Error) and not isinstance(error, apsw.ConstraintError | apsw.MismatchError)
