"""The daemon audits itself: each hour once it has settled and once more a day later; what differs it mends."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import structlog

from pibridge.audit import ledger
from pibridge.audit.audited import Audited
from pibridge.audit.auditor import Auditor
from pibridge.audit.ledger import HOUR_TICKS, Page
from pibridge.audit.mending import mend, repair_of
from pibridge.audit.summary import summary_of
from pibridge.config.loaded import Loaded
from pibridge.config.settings import AuditSettings
from pibridge.context.choice import Choice
from pibridge.errors import JournalError, UnauthorizedError, UnavailableError
from pibridge.journal.facts import DropFact, FactChange
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.pi.client import PiClient
from pibridge.status.counters import AuditCounters

_LOOK_S: Final = 30.0
_RETRY_S: Final = 300.0
_MEND_LOOK_S: Final = 1.0
_MOST_LOOKS: Final = 60
"""So often it is looked whether something was mended, while nothing is."""
_SHARE: Final = 0.2
"""Of its time it works at most so much."""
_LONGEST_REST_S: Final = 5.0
_LEDGER_SHARE: Final = 20
"""One part in so many of the journal is the ledger's at most."""
_DAY_TICKS: Final = 24 * HOUR_TICKS
FOLDER: Final = "audit"


class Auditing:
    """`loaded`: gives the configuration that holds now, `client`: who asks PI. `tell`: takes each day's summary."""

    def __init__(
        self,
        journal: Journal,
        loaded: Callable[[], Loaded],
        client: Callable[[], PiClient],
        counters: AuditCounters,
        tell: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._journal = journal
        self._loaded = loaded
        self._client = client
        self._counters = counters
        self._tell = tell
        self._log = structlog.get_logger()

    async def run(self) -> NoReturn:
        """Audit whatever is due, again and again."""
        trouble = ""
        while True:
            pause_s = _LOOK_S
            try:
                while await self.look():
                    trouble = ""
            except (UnavailableError, UnauthorizedError, JournalError, OSError) as error:
                pause_s = _RETRY_S
                if trouble != str(error):
                    trouble = str(error)
                    self._log.warning("an hour cannot be audited now, tried again", error=trouble)
            await asyncio.sleep(pause_s)

    async def look(self) -> bool:
        """Audit the hour that is due, first those that never were. False: none is. Raises as `Auditor`, and OSError."""
        configuration = self._loaded().configuration
        settings = configuration.audit
        if settings is None:
            return False
        now_ticks = self._client().server_ticks()
        # After a long time without a daemon: of what is older the journal has nothing to compare.
        longest_s = configuration.journal.retain + settings.settle + settings.again
        oldest = _hour_of(now_ticks - ticks.from_seconds(longest_s) - HOUR_TICKS)
        for name, wait_s in (("audit", settings.settle), ("audit again", settings.settle + settings.again)):
            settled = now_ticks - ticks.from_seconds(wait_s)
            hour = self._journal.mark(name)
            if hour is None:
                # What was before the first start is nobody's.
                await self._journal.set_mark(name, _hour_of(now_ticks))
            elif (hour := max(hour, oldest)) + HOUR_TICKS <= settled:
                await self._audit(hour, settings)
                if (hour + HOUR_TICKS) % _DAY_TICKS == 0:
                    await self._sum_up(hour)
                await self._journal.set_mark(name, hour + HOUR_TICKS)
                return True
        return False

    async def _audit(self, start: int, settings: AuditSettings) -> None:
        source, hour = ledger.place_of(start)
        before = ledger.pages_of(await self._journal.facts(source)).get(hour)
        earlier = before.cells if before else {}
        loaded, end = self._loaded(), start + HOUR_TICKS - 1
        async with Auditor.open(loaded, self._client(), _Rest(), is_read=True) as auditor:
            numbers = auditor.tags(Choice())
            found = await auditor.audit(numbers, start, end, earlier)
            repaired = 0
            if await self._mended(found):
                again = await auditor.audit(numbers, start, end, earlier)
                # What is only on the list of what is to be read is not mended yet.
                owed = max(0, again.count.owed - found.count.owed)
                repaired = max(0, found.count.unexplained - again.count.unexplained - owed)
                found = again
        self._say(found, repaired)
        page = Page(
            count=found.count,
            looks=before.looks + 1 if before else 1,
            repaired=repaired + (before.repaired if before else 0),
            cells=found.cells,
        )
        await self._keep(start, page, settings)

    async def _mended(self, found: Audited) -> bool:
        """Have what differs mended, and wait until it is. False: nothing can be."""
        repair = repair_of(found.mend)
        if repair is None:
            return False
        repair_id = await mend(self._journal, repair, self._client().server_ticks())
        left = looks = 0
        # What does not go on now, as nobody reads the tag, may do so later: the look a day later tells.
        while looks < _MOST_LOOKS and (repair_now := self._journal.backfills.one(repair_id)) is not None:
            if repair_now.state != "running":
                break
            before, left = left, await self._journal.backfills.owed(repair_now)
            looks = looks + 1 if left == before else 0
            await asyncio.sleep(_MEND_LOOK_S)
        return True

    def _say(self, found: Audited, repaired: int) -> None:
        self._counters.until_ticks = max(self._counters.until_ticks, found.end_ticks + 1)
        self._counters.repaired += repaired
        self._counters.unexplained += found.count.unexplained
        for each in found.findings[:1]:
            self._log.error(
                "an audit found values that differ, and could not mend them",
                values=found.count.unexplained,
                first=f"{each.what} {each.tag} at {each.ts}",
                hint=f"pibridge audit --from {ticks.render(found.start_ticks)[:19]}Z tells all",
            )

    async def _keep(self, start: int, page: Page, settings: AuditSettings) -> None:
        """Write the hour down; days that are too old go."""
        source, hour = ledger.place_of(start)
        day = source.removeprefix(f"{ledger.DAYS} ")
        new = ledger.page_fact(start, page)
        hours = [fact for fact in await self._journal.facts(source) if fact.id != hour]
        changes: list[FactChange] = [new, ledger.day_fact(day, [*hours, new])]
        days = [each for each in ledger.days_of(await self._journal.facts(ledger.DAYS)) if each.day != day]
        oldest = ticks.day(start - ticks.from_seconds(settings.keep))
        most_bytes = self._loaded().configuration.journal.max_size // _LEDGER_SHARE
        for gone in ledger.too_old(days, oldest, most_bytes):
            changes.append(DropFact(ledger.DAYS, gone))
            old = ledger.source_of(gone)
            changes += [DropFact(old, fact.id) for fact in await self._journal.facts(old)]
        await self._journal.commit(Lane.LIVE, [], self._client().server_ticks(), changes)

    async def _sum_up(self, hour: int) -> None:
        """Tell of the day that ends with an hour: a file, and a record."""
        source, _ = ledger.place_of(hour)
        pages = ledger.pages_of(await self._journal.facts(source))
        loaded = self._loaded()
        summary = summary_of(loaded.configuration.site, ticks.day(hour), pages)
        path = loaded.configuration.journal.path / FOLDER / f"{summary['day']}.json"
        await asyncio.to_thread(_write, path, msgspec.json.format(msgspec.json.encode(summary), indent=2))
        self._log.info("a day was audited", **{key: summary[key] for key in ("day", "tags", "events", "unexplained")})
        self._tell(summary)


def _hour_of(moment_ticks: int) -> int:
    return moment_ticks // HOUR_TICKS * HOUR_TICKS


class _Rest:
    """Rests in proportion to the time that passed since the last rest."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def __call__(self) -> None:
        worked_s = time.monotonic() - self._since
        await asyncio.sleep(min(_LONGEST_REST_S, worked_s * (1 - _SHARE) / _SHARE))
        self._since = time.monotonic()


def _write(path: Path, content: bytes) -> None:
    """Put a file in place of the one of that name, whole."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
