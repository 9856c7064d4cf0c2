import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from context.rules import frame
from inspection.scenes import loaded
from journal.samples import NOW, events, noise, opened, raw, tags
from pibridge.context.choice import Choice
from pibridge.context.record import Record, json_record
from pibridge.inspection.records import Passage, Records
from pibridge.intake.frame_reader import facts_of
from pibridge.journal.facts import Fact
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Event, Lane

EVERYTHING = Choice()
MAPPED = {"assets": [{"points": r"\\PI\T1", "asset": "Plant/R1"}]}
BATCHES = {
    "assets": [{"points": r"\\PI\T1", "asset": "Plant/Area1/R1"}],
    "batches": {"a": {"assets": "Plant/**", "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}}},
}


@contextmanager
def passage(folder: Path, choice: Choice = EVERYTHING, **changes: object) -> Iterator[Passage]:
    """Give a way through a journal."""
    reader = JournalReader.open(folder)
    try:
        yield Passage(Records(loaded(folder, **changes), reader), reader, choice)
    finally:
        reader.close()


def seqs(parts: Iterator[Sequence[Record]]) -> list[int]:
    """Give the positions of all records."""
    return [record.seq for part in parts for record in part]


async def test_what_is_meant_is_given_in_order(tmp_path: Path) -> None:
    """By time, lane, tag, asset and stream; both lanes by position."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(5), NOW)
        await journal.commit(Lane.HISTORY, events(5, tag=2), NOW)
        await journal.commit(Lane.LIVE, events(5, first=5), NOW)
        choices = {
            Choice(): list(range(1, 16)),
            Choice(lanes=(Lane.HISTORY,)): list(range(6, 11)),
            Choice(start_ticks=NOW + 3, end_ticks=NOW + 5): [4, 5, 9, 10, 11],
            Choice(tags=("t2",)): list(range(6, 11)),
            Choice(assets=("Plant/**",), start_ticks=NOW + 9): [15],
            Choice(streams=("other",)): [],
        }
        for choice, expected in choices.items():
            with passage(tmp_path, choice, context=MAPPED) as way:
                assert seqs(way.all()) == expected
                assert (way.records, way.looked_at) == (len(expected), way.chunks)


async def test_the_newest_are_found_from_the_end(tmp_path: Path) -> None:
    """Without reading what is before; and what comes then is followed."""
    async with opened(tmp_path) as journal:
        for first in range(0, 500, 10):
            await journal.commit(Lane.LIVE, events(10, first=first), NOW)
        with passage(tmp_path) as way:
            newest, end = way.newest(12)
            assert [record.seq for record in newest] == list(range(489, 501))
            assert way.looked_at < 10
            assert end == 500
            coming = way.follow(end, sleep=lambda _: None)
            await journal.describe(tags(5))
            await journal.commit(Lane.HISTORY, events(3, tag=5, first=900), NOW)
            assert [record.context.tag.name for record in next(coming)] == ["T5"] * 3
            await journal.commit(Lane.LIVE, events(2), NOW)
            assert [record.seq for record in next(coming)] == [504, 505]


async def test_batches_are_as_the_journal_knows_them(tmp_path: Path) -> None:
    """Of frames that were told since, too."""
    told = frame("B-1", -60, 60)
    async with opened(tmp_path) as journal:
        event = Event(1, told.start_ticks + 1, 1)
        await journal.commit(Lane.LIVE, [event], NOW)
        with passage(tmp_path, context=BATCHES) as way:
            assert [record.batch for part in way.all() for record in part] == [None]
            known = Fact(facts_of(r"\\AF1\PLANT"), told.id, msgspec.msgpack.encode(told))
            await journal.commit(Lane.LIVE, [], NOW, [known])
            await journal.commit(Lane.LIVE, [event], NOW)
            (record,) = next(way.follow(1))
            assert json.loads(json_record(record))["batch"]["id"] == "B-1"


async def test_what_is_damaged_is_told(tmp_path: Path) -> None:
    """The rest is given."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, noise(50), NOW)
        await journal.commit(Lane.LIVE, noise(50), NOW)
    db = raw(tmp_path)
    db.execute("UPDATE chunk SET payload = zeroblob(9) WHERE seq = 1")
    db.close()
    with passage(tmp_path) as way:
        assert seqs(way.all()) == list(range(51, 101))
        assert [damaged.first_seq for damaged in way.damaged] == [1]
