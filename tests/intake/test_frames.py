from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from context.plants import surroundings
from intake.lines import SECOND, Line, opened, plant_settings
from pibridge.context.surroundings import Surroundings
from pibridge.intake.frames import Frames, recall
from pibridge.intake.settings import ShardSettings, StreamSettings
from pibridge.intake.shard import has_frames
from pibridge.journal.gaps import NewGap
from pibridge.model.event import END, START, Lane
from pibridge.pi.select_settings import EventFrames
from waiting import eventually, running

DATABASE = r"\\AF1\Plant"
TAG_RULE = {"r9": {"assets": "Plant/Area9/R9", "tag": r"\\PISRV1\R9.BatchID"}}
FRAME_RULE = {"a": {"assets": "Plant/Area1/*", "event_frames": {"database": DATABASE, "template": "Unit Batch"}}}


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant whose batches take an hour, and an empty journal."""
    async with opened(tmp_path, plant_settings(cycle_s=3600)) as ready:
        yield ready


def stream(template: str, **settings: Any) -> StreamSettings:
    """Give a stream of event frames."""
    select = {"event_frames": {"database": DATABASE, "template": template}}
    return StreamSettings.model_validate({"select": select, "interval": "50ms", **settings})


def frames(line: Line, around: Surroundings, shard: ShardSettings | None = None, **streams: StreamSettings) -> Frames:
    """Give who reads for these streams and rules."""
    return Frames(streams, around, 3600.0, line.client, line.journal, line.counters, shard)


def batch(line: Line, around: Surroundings, asset: str) -> str:
    """Give the batch that runs now."""
    found = around.timeline.span(asset, line.clock.ticks).batch
    return found.id if found else ""


def told(line: Line, name: str) -> Counter[tuple[int, str]]:
    """Give what a stream told: what happened, and the id of the frame."""
    events = [event for event in line.on_disk(Lane.LIVE) if line.journal.tag(event.tag, 1).stream == name]
    return Counter((event.status, event.value["id"]) for event in events)


def owed(line: Line, since: int) -> Counter[tuple[int, str]]:
    """Give what a stream of unit batches tells: the end of those that ended since then, the start of open ones."""
    plant = line.simulator.plant
    frames = plant.frames.between(since, plant.clock())
    units = [frame for frame in frames if frame.template in ("Unit Batch", "Fermenter Batch")]
    ends = [(frame.end_ticks < plant.clock(), frame) for frame in units if frame.end_ticks >= since]
    return Counter((END if is_over else START, str(frame.id)) for is_over, frame in ends)


async def interrupted(line: Line, **streams: StreamSettings) -> None:
    """Read streams until more was told of `units`, and end in the middle of it."""
    before = told(line, "units")
    async with running(frames(line, surroundings(), None, **streams).run()):
        await eventually(lambda: (told(line, "units") - before).total() > 3)


async def test_streams_and_rules_are_served_together(line: Line) -> None:
    """Each stream tells its own templates, one database is looked at once, tags are followed beside it."""
    around = surroundings(batches={**FRAME_RULE, **TAG_RULE}, hold="2s")
    reader = frames(line, around, units=stream("Unit Batch"), parts=stream("Operation"))
    async with running(reader.run()):
        await eventually(lambda: batch(line, around, "Plant/Area1/R1") and batch(line, around, "Plant/Area9/R9"))
        await eventually(lambda: {event.value["template"] for event in line.on_disk(Lane.LIVE)} >= {"Operation"})
        await eventually(lambda: line.counters.stream("units").channels_open == 1)
    tags = {line.journal.tag(event.tag, 1).stream: event.value["template"] for event in line.on_disk(Lane.LIVE)}
    assert tags["parts"] == "Operation"
    assert tags["units"] in ("Unit Batch", "Fermenter Batch")


async def test_what_is_known_is_there_at_the_next_start(line: Line) -> None:
    """Before PI is asked, from frames and tags alike."""
    rules = {**FRAME_RULE, **TAG_RULE}
    around = surroundings(batches=rules, hold="2s")
    async with running(frames(line, around).run()):
        await eventually(lambda: batch(line, around, "Plant/Area1/R1") and batch(line, around, "Plant/Area9/R9"))
    again = surroundings(batches=rules)
    await recall(line.journal, again)
    for asset in ("Plant/Area1/R1", "Plant/Area9/R9"):
        assert batch(line, again, asset) == batch(line, around, asset)


async def test_gaps_that_are_owed_reach_back(line: Line) -> None:
    """Events that will be recovered have the batches of their time, however long ago."""
    await line.tell_time()
    since = line.clock.ticks - 200_000 * SECOND
    await line.journal.open_gaps([NewGap(1, since, line.clock.ticks, "not running")])
    around = surroundings(batches=FRAME_RULE)
    async with running(frames(line, around).run()):
        await eventually(lambda: around.readings.know([DATABASE.upper()], since, 0), 30)


async def test_backfill_counts_from_the_very_first_start(line: Line) -> None:
    """A restart does not move the time from which on closed frames are told."""
    around = surroundings()
    async with running(frames(line, around, units=stream("Unit Batch", backfill="3h")).run()):
        await eventually(lambda: line.journal.mark("begun units"))
    begun = line.journal.mark("begun units")
    line.clock.advance(1800)
    async with running(frames(line, around, units=stream("Unit Batch", backfill="3h")).run()):
        await eventually(lambda: line.journal.mark("told units"))
    assert line.journal.mark("begun units") == begun
    told = {event.value["id"] for event in line.on_disk(Lane.LIVE)}
    plant = line.simulator.plant
    owed = {
        str(frame.id)
        for frame in plant.frames.between(begun or 0, plant.clock())
        if frame.template in ("Unit Batch", "Fermenter Batch") and frame.end_ticks >= (begun or 0)
    }
    assert told == owed


@pytest.mark.parametrize("backfill", ["0s", "3h"])
@pytest.mark.parametrize("is_rule", [True, False])
async def test_a_new_stream_tells_what_others_know(line: Line, backfill: str, *, is_rule: bool) -> None:
    """Whoever read its database before: open frames start, closed ones come as far as its own backfill reaches."""
    rule = {"a": {**FRAME_RULE["a"], "id": "attribute:BatchID"}}
    around = surroundings(batches=rule if is_rule else {}, hold="1s")
    others = {} if is_rule else {"first": stream("Unit Batch")}
    async with running(frames(line, around, None, **others).run()):
        since = line.clock.ticks - 4 * 3600 * SECOND
        await eventually(
            lambda: around.readings.know([DATABASE.upper()], since, 0) if is_rule else line.journal.mark("told first"),
            30,
        )
    for _ in range(2):
        async with running(frames(line, around, None, units=stream("Unit Batch", backfill=backfill), **others).run()):
            await eventually(lambda: line.journal.mark("told units"), 30)
            await eventually(lambda: line.counters.stream("units").channels_open == 1)
    assert told(line, "units") == owed(line, line.journal.mark("begun units") or 0)
    assert {status for status, _ in told(line, "units")} == ({START} if backfill == "0s" else {START, END})


async def test_a_new_stream_that_is_interrupted_tells_everything_once(line: Line) -> None:
    """Half of its backfill told, the daemon ends; the next one tells the rest, though others know all."""
    streams = {"first": stream("Unit Batch"), "units": stream("Unit Batch", backfill="2d")}
    async with running(frames(line, surroundings(), first=streams["first"]).run()):
        await eventually(lambda: line.journal.mark("told first"), 30)
    await interrupted(line, **streams)
    assert line.journal.mark("told units") is None
    async with running(frames(line, surroundings(), None, **streams).run()):
        await eventually(lambda: line.journal.mark("told units"), 30)
    assert told(line, "units") == owed(line, line.journal.mark("begun units") or 0)


async def test_a_backfill_that_reaches_further_than_before_tells_the_rest(line: Line) -> None:
    """What was told stays told, also long ago; what was interrupted is done from where it was to begin."""
    async with running(frames(line, surroundings(), units=stream("Unit Batch", backfill="52h")).run()):
        await eventually(lambda: line.journal.mark("told units"), 30)
    before, begun = told(line, "units"), line.journal.mark("begun units") or 0
    assert before == owed(line, begun)
    raised = stream("Unit Batch", backfill="3d")
    await interrupted(line, units=raised)
    since = line.journal.mark("since units") or 0
    assert line.journal.mark("begun units") == begun > since
    line.clock.advance(60)
    for _ in range(2):
        async with running(frames(line, surroundings(), units=raised).run()):
            await eventually(lambda: line.journal.mark("begun units") == since, 30)
    ends = Counter({key: times for key, times in owed(line, since).items() if key[0] == END})
    assert Counter({key: times for key, times in told(line, "units").items() if key[0] == END}) == ends
    assert line.clock.ticks - since > 3 * 86_400 * SECOND


async def test_a_smaller_backfill_changes_nothing(line: Line) -> None:
    """Nor does one that reaches less far than the stream was told since."""
    for backfill in ("3h", "1h", "0s"):
        async with running(frames(line, surroundings(), units=stream("Unit Batch", backfill=backfill)).run()):
            await eventually(lambda: line.counters.stream("units").channels_open == 1)
            await eventually(lambda: line.journal.mark("told units"), 30)
        line.counters.stream("units").channels_open = 0
    assert told(line, "units") == owed(line, line.journal.mark("begun units") or 0)


async def test_frames_that_were_told_long_ago_are_no_news(line: Line) -> None:
    """They are not remembered one by one, yet who looks back for other purposes after a restart tells none again."""
    units = stream("Unit Batch", backfill="60h")
    async with running(frames(line, surroundings(), units=units).run()):
        await eventually(lambda: line.journal.mark("told units"), 30)
        begun = line.journal.mark("begun units") or 0
        await eventually(lambda: (line.journal.mark("told units") or 0) > begun)
    around = surroundings(batches=FRAME_RULE, hold="1s")
    reader = frames(line, around, units=units)
    reader.reach(begun)
    async with running(reader.run()):
        await eventually(lambda: around.readings.know([DATABASE.upper()], begun, 0), 30)
    assert told(line, "units") == owed(line, begun)


async def test_a_database_that_is_not_there_is_told_and_looked_for_again(line: Line) -> None:
    """The stream says why nothing comes."""
    select = {"event_frames": {"database": r"\\AF1\Nowhere"}}
    wrong = StreamSettings.model_validate({"select": select, "interval": "50ms"})
    async with running(frames(line, surroundings(), wrong=wrong).run()):
        await eventually(lambda: "Nowhere" in line.counters.stream("wrong").last_error)
    assert line.counters.stream("wrong").channels_open == 0


async def test_what_is_owed_does_not_hurry_a_server_that_cannot_give_it(line: Line) -> None:
    """A new stream wants its first day, but between two looks that fail the reader pauses."""
    select = {"event_frames": {"database": r"\\AF1\Nowhere"}}
    wrong = StreamSettings.model_validate({"select": select, "interval": "1h"})
    async with running(frames(line, surroundings(), wrong=wrong).run()):
        await eventually(lambda: "Nowhere" in line.counters.stream("wrong").last_error)
        before = line.simulator.requests
        for _ in range(20):
            await line.client.get("/", [], bytes)
        assert line.simulator.requests == before + 20


async def test_a_new_stream_knows_its_first_day_at_once(line: Line) -> None:
    """However rarely it looks: until then a closed frame that PI makes late passes for an old one, and is not told."""
    async with running(frames(line, surroundings(), batches=stream("Unit Batch", interval="1h")).run()):
        await eventually(lambda: line.journal.mark("told batches") is not None, 30)


async def test_a_shard_tells_its_frames_and_an_overlap_of_them(line: Line) -> None:
    """A stream that is new here begins as far back as another core may have ended with it."""
    shards = [ShardSettings(index=index, of=2, overlap=3 * 3600.0) for index in range(2)]
    own = next(each for each in shards if has_frames(each, "units", EventFrames(database=DATABASE)))
    reader = frames(line, surroundings(), own, units=stream("Unit Batch"))
    async with running(reader.run()):
        await eventually(lambda: line.journal.mark("told units"), 30)
        assert {event.value["end"] is None for event in line.on_disk(Lane.LIVE)} == {True, False}


async def test_frames_that_were_missed_are_told_before_their_stream_leaves(line: Line) -> None:
    """A core that was down when the shards changed tells what ended meanwhile, and then no more."""
    shards = [ShardSettings(index=index, of=2) for index in range(2)]
    other = next(each for each in shards if not has_frames(each, "units", EventFrames(database=DATABASE)))
    async with running(frames(line, surroundings(), units=stream("Unit Batch")).run()):
        await eventually(lambda: line.journal.mark("told units"), 30)
    before = line.clock.ticks
    line.clock.advance(5 * 3600)
    async with running(frames(line, surroundings(), other, units=stream("Unit Batch")).run()):
        await eventually(lambda: line.journal.mark("begun units") == 0, 30)
        assert line.counters.stream("units").channels == 0
    ended = {event.value["id"] for event in line.on_disk(Lane.LIVE) if event.value["end"] is not None}
    plant = line.simulator.plant
    missed = [frame for frame in plant.frames.between(before, plant.clock()) if frame.end_ticks < plant.clock()]
    owed = {str(frame.id) for frame in missed if frame.template in ("Unit Batch", "Fermenter Batch")}
    assert owed - ended == set() != owed
    assert await line.journal.facts("told units") == []
    async with running(frames(line, surroundings(), other, units=stream("Unit Batch")).run()):
        assert line.counters.stream("units").channels == 0
