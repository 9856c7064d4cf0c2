from pathlib import Path

import pytest

from journal.samples import NOW, opened
from pibridge.inspection import sightings
from pibridge.inspection.sightings import Around, around
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import UPDATE, Event, Lane

HOUR = 3600 * ticks.PER_SECOND


async def look(folder: Path, moment: int, number: int = 1) -> Around:
    """Look around a time in a journal with events each hour, one edited, one held."""
    async with opened(folder) as journal:
        if not journal.stat().newest_seq:
            for hour in range(5):
                await journal.commit(
                    Lane.LIVE, [Event(1, NOW + hour * HOUR, hour), Event(2, NOW + hour * HOUR + 1, 0)], NOW
                )
            await journal.commit(Lane.HISTORY, [Event(1, NOW + HOUR, 9, UPDATE)], NOW)
            journal.hold({3})
            journal.append([Event(3, NOW, 1)], NOW)
            await journal.flush()
        reader = JournalReader.open(folder)
        try:
            return around(reader, number, moment)
        finally:
            reader.close()


async def test_all_versions_of_a_time_are_found(tmp_path: Path) -> None:
    """In both lanes, by position; held ones, too."""
    found = await look(tmp_path, NOW + HOUR)
    assert [(each.seq, each.lane, each.event.value) for each in found.at] == [(3, Lane.LIVE, 1), (11, Lane.HISTORY, 9)]
    assert found.nearest == []
    held = await look(tmp_path, NOW, 3)
    assert [(each.seq, each.event.value) for each in held.at] == [(None, 1)]


async def test_else_the_nearest_before_and_after(tmp_path: Path) -> None:
    """All versions of these, however far away; on one side, if there are none on the other."""
    found = await look(tmp_path, NOW + HOUR + 1)
    assert found.at == []
    assert [each.event.value for each in found.nearest] == [1, 2, 9]
    assert [each.event.value for each in (await look(tmp_path, NOW - 999 * HOUR)).nearest] == [0]
    assert (await look(tmp_path, NOW, 4)) == Around([], [])


async def test_too_much_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is said how far was looked."""
    monkeypatch.setattr(sightings, "_MOST_CHUNKS", 2)
    found = await look(tmp_path, NOW + HOUR // 2)
    assert found == Around([], [], 900 * ticks.PER_SECOND)
