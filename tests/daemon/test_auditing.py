import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from audit.benches import BULK, at, joined, read
from inspection.scenes import loaded
from intake import lines
from intake.lines import QUIET, SECOND, Line, plant_settings
from intake.readers import points, reading
from pibridge.audit import auditor
from pibridge.audit.ledger import DAYS, HOUR_TICKS, Page, day_fact, days_of, page_fact, pages_of, source_of
from pibridge.config.loaded import Loaded
from pibridge.daemon import auditing
from pibridge.daemon.auditing import FOLDER, Auditing
from pibridge.errors import UnavailableError
from pibridge.intake import backfilling
from pibridge.journal.facts import Fact
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import DELETE, Lane
from simulator.bench import NOW
from waiting import eventually, running

TODAY = ticks.day(NOW)
HOUR = NOW // HOUR_TICKS * HOUR_TICKS
SETTLED_S = 900


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "_LOOK_S", 0.01)
    monkeypatch.setattr(auditing, "_RETRY_S", 0.01)
    monkeypatch.setattr(auditing, "_MEND_LOOK_S", 0.01)
    monkeypatch.setattr(auditing, "_SHARE", 1.0)
    monkeypatch.setattr(auditor, "_SLICE_TICKS", HOUR_TICKS)
    monkeypatch.setattr(backfilling, "_LOOK_S", 0.02)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant that archives all and says nothing of deletions, and an empty journal."""
    async with lines.opened(tmp_path, plant_settings(channel_sends_deletions=False)) as ready:
        await ready.tell_time()
        yield ready


class Watch:
    """Audits as a daemon does, and keeps what it tells. `told`: the configuration."""

    def __init__(self, line: Line, told: Loaded | None = None) -> None:
        self.line = line
        self.told = told or loaded(line.folder)
        self.records: list[Mapping[str, Any]] = []
        self.counters = line.counters.audit
        self.auditing = Auditing(
            line.journal, lambda: self.told, lambda: line.client, self.counters, self.records.append
        )

    async def at(self, moment: int) -> bool:
        """Look at this time; tell whether an hour was due."""
        self.line.clock.ticks = moment
        await self.line.tell_time()
        return await self.auditing.look()

    async def all_at(self, moment: int) -> int:
        """Audit all that is due at this time; give how many hours."""
        count = 0
        while await self.at(moment):
            count += 1
        return count

    async def pages(self, day: str = TODAY) -> dict[str, Page]:
        """Give what the ledger has of a day."""
        return pages_of(await self.line.journal.facts(source_of(day)))


def due(hours: float, seconds: float = 0) -> int:
    """Give when an hour is due, counted from that of the first start. PI's time is known to a second."""
    return HOUR + round((hours + 1) * HOUR_TICKS + (SETTLED_S + 2 + seconds) * SECOND)


async def test_an_hour_is_audited_once_it_has_settled(line: Line) -> None:
    """What was before the first start is nobody's; each hour has its turn once, and once more a day later."""
    watch = Watch(line)
    await joined(line, QUIET)
    assert not await watch.at(NOW)
    assert not await watch.at(due(0, -10))
    assert await watch.at(due(0))
    assert not await watch.at(due(0))
    assert {hour: page.looks for hour, page in (await watch.pages()).items()} == {"14": 1}
    assert watch.counters.until_ticks == HOUR + HOUR_TICKS
    assert await watch.all_at(due(24)) == 24 + 1
    assert {hour: page.looks for hour, page in (await watch.pages()).items()} == {
        str(hour): 2 if hour == 14 else 1 for hour in range(14, 24)
    }
    assert watch.counters.unexplained == 0


async def test_how_far_it_has_got_survives_a_restart(line: Line) -> None:
    """The next hour is the next, however long nobody ran."""
    watch = Watch(line)
    await watch.at(NOW)
    await watch.at(due(0))
    await line.journal.close()
    line.journal = await Journal.open(JournalSettings(path=line.folder, flush=0.005))
    try:
        again = Watch(line)
        assert await again.all_at(due(3)) == 3
        assert sorted(await again.pages()) == ["14", "15", "16", "17"]
    finally:
        await line.journal.close()


async def test_a_long_time_without_a_daemon_is_not_audited_hour_by_hour(line: Line) -> None:
    """It begins where the journal may still have something: after a week of retention and a day's second look."""
    watch = Watch(line)
    await joined(line, QUIET)
    await line.journal.set_mark("audit", HOUR - 1000 * HOUR_TICKS)
    assert await watch.at(NOW + 900 * SECOND)
    begun = line.journal.mark("audit") or 0
    assert HOUR - begun == pytest.approx(8 * 24 * HOUR_TICKS, abs=2 * HOUR_TICKS)


async def test_what_differs_is_mended_and_counted(line: Line) -> None:
    """What the journal lacks is read again, a deletion is told; the ledger has what was left, and what was mended."""
    watch = Watch(line)
    quiet, bulk = await joined(line, QUIET, BULK[0], since_s=-3600)
    for second in (-2000, -1900, -1800, -10):
        line.write(second, float(second))
    await read(line, quiet, QUIET, since_s=-3600, but=(0,))
    await read(line, bulk, BULK[0], since_s=-3600, but=(1500, 1700, 1702))
    line.simulator.plant.delete(QUIET, at(line, -1800))
    gone = at(line, -1800)
    await line.journal.set_mark("audit", HOUR - HOUR_TICKS)
    await line.journal.set_mark("audit again", HOUR - HOUR_TICKS)
    async with running(reading(line, s=points(QUIET, BULK[0])).run()):
        with capture_logs() as logs:
            assert await watch.at(NOW + 900 * SECOND)
    page = (await watch.pages())["13"]
    assert (page.count.unexplained, page.repaired, page.looks) == (0, 5, 1)
    assert (watch.counters.repaired, watch.counters.unexplained) == (5, 0)
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == [
        "an audit found what the journal lacked, it is mended"
    ]
    assert [event.ticks for event in await line.events([quiet]) if event.status & DELETE] == [gone]
    assert page.cells[bulk].both.count > 2000
    # A day later nothing is left to be mended, and what was is still known.
    await line.journal.set_mark("audit", HOUR + HOUR_TICKS * 25)
    assert await watch.all_at(HOUR + HOUR_TICKS * 24 + 902 * SECOND) == 1
    page = (await watch.pages())["13"]
    assert (page.count.unexplained, page.repaired, page.looks) == (0, 5, 2)


async def test_a_repair_that_does_not_go_on_holds_up_no_audit(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the tag now: what lacks is owed, not mended, and the look a day later tells what became of it."""
    monkeypatch.setattr(auditing, "_MOST_LOOKS", 3)
    watch = Watch(line)
    (quiet,) = await joined(line, QUIET, since_s=-3600)
    for second in (-2000, -1900, -10):
        line.write(second, float(second))
    await read(line, quiet, QUIET, since_s=-3600, but=(0,))
    await line.journal.set_mark("audit", HOUR - HOUR_TICKS)
    await line.journal.set_mark("audit again", HOUR + HOUR_TICKS)
    assert await asyncio.wait_for(watch.at(NOW + 900 * SECOND), 20)
    page = (await watch.pages())["13"]
    assert (page.count.unexplained, page.count.owed, page.repaired, watch.counters.repaired) == (0, 1, 0, 0)
    assert [each.state for each in line.journal.backfills.all] == ["running"]


async def test_what_cannot_be_mended_is_told(line: Line) -> None:
    """The archive has changed in a way that the journal does not tell: a line in the log, and a count."""
    watch = Watch(line)
    (quiet,) = await joined(line, QUIET, since_s=-3600)
    for second in (-2000, -1900, -10):
        line.write(second, float(second))
    await read(line, quiet, QUIET, since_s=-3600)
    await watch.line.journal.set_mark("audit", HOUR - HOUR_TICKS)
    await watch.line.journal.set_mark("audit again", HOUR + HOUR_TICKS)
    assert await watch.at(NOW + 900 * SECOND)
    before = (await watch.pages())["13"]
    known = before.cells[quiet]
    cells = {quiet: replace(known, both=known.both + known.both)}
    await line.journal.commit(Lane.LIVE, [], 0, [page_fact(HOUR - HOUR_TICKS, Page(cells=cells))])
    await line.journal.set_mark("audit", HOUR - HOUR_TICKS)
    with capture_logs() as logs:
        assert await watch.at(NOW + 900 * SECOND)
    (entry,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert entry["first"].startswith(f"changed {QUIET} at 2026-09-21T13")
    assert watch.counters.unexplained == entry["values"] == 2


async def test_a_day_is_summed_up(line: Line) -> None:
    """In a file, and for who listens; once more when its hours have had their second look."""
    watch = Watch(line)
    await joined(line, QUIET)
    await watch.at(NOW)
    await watch.all_at(due(8))
    assert watch.records == []
    await watch.all_at(due(9))
    file = line.folder / FOLDER / f"{TODAY}.json"
    (told,) = watch.records
    assert json.loads(file.read_text("utf-8")) == told
    assert (told["site"], told["day"], told["hours"], told["looks"], told["unexplained"]) == (
        "houston",
        TODAY,
        10,
        1,
        0,
    )
    await watch.all_at(due(33))
    assert [(each["day"], each["looks"]) for each in watch.records] == [(TODAY, 1), ("2026-09-22", 1), (TODAY, 2)]
    assert json.loads(file.read_text("utf-8"))["looks"] == 2
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name, "2026-09-22.json"]


async def test_a_summary_that_cannot_be_written_is_tried_again(line: Line) -> None:
    """The day is not left out."""
    watch = Watch(line)
    (line.folder / FOLDER).write_text("in the way")
    await watch.at(NOW)
    await watch.all_at(due(8))
    for _ in range(2):
        with pytest.raises(OSError, match=FOLDER):
            await watch.at(due(9))
    (line.folder / FOLDER).unlink()
    assert await watch.at(due(9))
    assert [each["day"] for each in watch.records] == [TODAY]


async def test_old_days_go(line: Line) -> None:
    """By age, and where they take too much of the journal; the page of a day goes with it."""
    watch = Watch(line, loaded(line.folder, audit={"keep": "2d"}))
    for day in ("2026-09-18", "2026-09-20"):
        page = page_fact(ticks.parse(f"{day}T05:00:00Z"), Page())
        await line.journal.commit(Lane.LIVE, [], 0, [day_fact(day, [page]), page])
    await watch.at(NOW)
    await watch.at(due(0))
    journal = line.journal
    assert [each.day for each in days_of(await journal.facts(DAYS))] == ["2026-09-20", TODAY]
    assert await watch.pages("2026-09-18") == {}
    assert list(await watch.pages("2026-09-20")) == ["05"]
    watch.told = loaded(line.folder, journal={"path": line.folder, "max_size": "16MiB"})
    await journal.commit(Lane.LIVE, [], 0, [day_fact("2026-09-20", [Fact("", "", bytes(1 << 20))])])
    await watch.at(due(1))
    assert [each.day for each in days_of(await journal.facts(DAYS))] == [TODAY]
    assert await watch.pages("2026-09-20") == {}
    assert sorted(await watch.pages()) == ["14", "15"]


async def test_an_outage_is_waited_out(line: Line) -> None:
    """The hour stays due; the log says it once."""
    watch = Watch(line)
    await joined(line, QUIET)
    await watch.at(NOW)
    fault = line.simulator.faults.add("status=503@path=recorded")
    with pytest.raises(UnavailableError):
        await watch.at(due(0))
    with capture_logs() as logs:
        async with running(watch.auditing.run()):
            asked = line.simulator.requests
            await eventually(lambda: line.simulator.requests > asked + 10)
            assert await watch.pages() == {}
            line.simulator.faults.remove(fault.number)
            await eventually(watch.pages)
    said = [entry["event"] for entry in logs if "audited" in entry["event"]]
    assert said == ["an hour cannot be audited now, tried again"]


async def test_where_nobody_wants_audits_there_are_none(line: Line) -> None:
    """Nothing is asked, nothing is noted."""
    watch = Watch(line, loaded(line.folder, audit=None))
    asked = line.simulator.requests
    assert not await watch.auditing.look()
    assert line.simulator.requests == asked
    assert line.journal.mark("audit") is None
