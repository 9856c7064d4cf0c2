from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from delivery.shelves import Dock, opened
from journal.samples import NOW, events
from pibridge.context import filters
from pibridge.context.choice import Choice, Chooser
from pibridge.context.record import json_lines
from pibridge.context.settings import FilterSettings
from pibridge.delivery.preview import chosen, preview, runs
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Dock]:
    """Give a journal of three chunks: live, history, live."""
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [*events(4), *events(2, tag=2, first=3)], NOW)
        await dock.journal.commit(Lane.HISTORY, events(3, tag=2, first=10), NOW)
        await dock.journal.commit(Lane.LIVE, events(2, tag=3, first=2), NOW)
        yield dock


async def test_it_counts_what_a_replay_would_send(told: Dock) -> None:
    """Events, their size as lines, tags and times; and what the filter of each sink would say, by its key."""
    reader, stamp = JournalReader.open(told.folder), told.stamp().again("r")
    choice = Choice(start_ticks=NOW + 2, end_ticks=NOW + 11)
    parts = list(chosen(reader, choice, Chooser(choice, stamp)))
    admit = {
        "all": filters.build(FilterSettings()),
        "few": filters.build(FilterSettings(tags=frozenset({"T2"}))),
    }
    found = preview(parts, admit)
    assert [[record.seq for record in records] for records in parts] == [[3, 4, 5, 6], [7, 8], [10, 11]]
    assert (found.events, found.times) == (8, (NOW + 2, NOW + 11))
    assert found.tags == Counter({"T1": 2, "T2": 4, "T3": 2})
    assert found.bytes == sum(len(json_lines(records)) for records in parts)
    assert (found.sinks["all"].admitted, found.sinks["all"].withheld) == (8, Counter())
    assert (found.sinks["few"].admitted, found.sinks["few"].withheld) == (4, Counter(tags=4))
    reader.close()


async def test_runs_are_the_events_of_a_chunk(told: Dock) -> None:
    """With their places; chunks without any are left out."""
    reader, stamp = JournalReader.open(told.folder), told.stamp()
    choice = Choice(tags=("T2",), lanes=(Lane.HISTORY,))
    (run,) = runs(reader, choice, Chooser(choice, stamp))
    assert (run.lane, run.first_seq, [seq for seq, _ in run.events]) == (Lane.HISTORY, 7, [7, 8, 9])
    nothing = preview([], {"all": filters.build(FilterSettings())})
    assert (nothing.events, nothing.times) == (0, None)
    reader.close()
