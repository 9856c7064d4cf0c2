from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from context.plants import surroundings
from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from intake.readers import NEVER_S, doorkeeper, handshakes, listed, points, reading, reads, tells, write
from pibridge.intake import streams as streams_module
from pibridge.intake.pages import MARGIN_TICKS
from pibridge.intake.reception import described
from pibridge.intake.settings import ShardSettings
from pibridge.intake.streams import Streams
from pibridge.model import ticks
from pibridge.model.event import DELETE, Lane
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]
REFRESH_S = 0.05


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant and an empty journal."""
    async with opened(tmp_path / "journal", plant_settings()) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # What cannot be resolved is tried again after ten seconds; nobody waits for that here.
    monkeypatch.setattr(streams_module, "_RETRY_S", 0.05)
    monkeypatch.setattr(streams_module, "_SOON_S", 0.05)


async def test_reading_begins_by_itself_when_pi_is_there(line: Line) -> None:
    """Nobody answers at the start: it is said why, and tried again until the tags are known."""
    await line.simulator.kill()
    async with running(reading(line, s=points(*BULK)).run()):
        await eventually(lambda: "no connection" in line.counters.stream("s").last_error)
        await line.simulator.start()
        await reads(line, tags=3, channels=1)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK, start)
    assert line.counters.stream("s").last_error == ""


async def test_a_stream_that_cannot_be_resolved_holds_up_no_other(line: Line, tmp_path: Path) -> None:
    """A file that is not there yet: its stream waits for it, the others are read."""
    late = tmp_path / "late.csv"
    settings = listed(late, BULK[2])
    late.unlink()
    async with running(reading(line, a=settings, b=points(*BULK[:2])).run()):
        await reads(line, tags=2, channels=1)
        assert str(late) in line.counters.stream("a").last_error
        write(late, BULK[2])
        await reads(line, tags=3, channels=2)


async def test_a_tag_of_two_streams_is_read_by_the_first_name(line: Line) -> None:
    """Of streams with one mode the first in alphabetical order reads it, and no event is told twice."""
    streams = reading(line, zeta=points(*BULK), alpha=points(BULK[1]))
    async with running(streams.run()):
        await reads(line, tags=3, channels=2)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK, start)
    assert (line.counters.stream("alpha").tags, line.counters.stream("zeta").tags) == (1, 2)
    last = line.journal.stat().newest_seq
    tags = [line.journal.tag(event.tag, last) for event in await line.events()]
    assert {tag.name: tag.stream for tag in tags} == {BULK[0]: "zeta", BULK[1]: "alpha", BULK[2]: "zeta"}


async def test_what_pi_does_not_know_is_left_out_and_counted(line: Line) -> None:
    """One wrong name does not stop the others."""
    async with running(reading(line, s=points("No.Such.Tag", BULK[0])).run()):
        await reads(line, tags=1, channels=1)
    assert line.counters.stream("s").problems == 1


async def test_a_refresh_brings_new_tags_and_leaves_the_others_alone(line: Line, tmp_path: Path) -> None:
    """What is read already stays connected; a new tag gets a channel of its own."""
    file = tmp_path / "points.csv"
    async with running(reading(line, REFRESH_S, s=listed(file, *BULK[:2])).run()):
        await reads(line, tags=2, channels=1)
        write(file, *BULK)
        await reads(line, tags=3, channels=2)
        assert handshakes(line) == 2
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK, start)
    assert line.counters.stream("s").reconnects == 0


async def test_removed_tags_leave(line: Line, tmp_path: Path) -> None:
    """Their channel is closed, those without them stay, and what they say is not told any more."""
    file = tmp_path / "points.csv"
    async with running(reading(line, REFRESH_S, per_channel=1, s=listed(file, *BULK)).run()):
        await reads(line, tags=3, channels=3)
        start = line.clock.ticks + 1
        write(file, *BULK[:2])
        await eventually(lambda: line.simulator.channels == 2)
        await eventually(lambda: line.counters.stream("s").tags == 2)
        line.clock.advance(5)
        await tells(line, BULK[:2], start)
        assert handshakes(line) == 3
        assert [gap.end_ticks for gap in await line.journal.gaps()] == [None]


async def test_a_tag_that_comes_back_is_owed_what_it_missed(line: Line, tmp_path: Path) -> None:
    """Nobody read it for a while: that is a gap, and it is paid when the tag is read again."""
    file = tmp_path / "points.csv"
    async with running(reading(line, REFRESH_S, s=listed(file, *BULK)).run()):
        await reads(line, tags=3, channels=1)
        start = line.clock.ticks + 1
        write(file, *BULK[:2])
        await eventually(lambda: line.counters.stream("s").tags == 2 and line.counters.stream("s").channels_open == 1)
        line.clock.advance(30)
        await tells(line, BULK[:2], start)
        write(file, *BULK)
        await reads(line, tags=3, channels=2)
        await tells(line, BULK, start)


async def test_a_tag_may_go_from_one_stream_to_another(line: Line, tmp_path: Path) -> None:
    """It leaves the one before it joins the other; nothing is lost or told twice on the way."""
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    streams = reading(line, REFRESH_S, one=listed(one, *BULK[:2]), other=listed(other, BULK[2]))
    async with running(streams.run()):
        await reads(line, tags=3, channels=2)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        write(other, *BULK[1:])
        write(one, BULK[0])
        await eventually(lambda: (line.counters.stream("one").tags, line.counters.stream("other").tags) == (1, 2))
        line.clock.advance(5)
        await tells(line, BULK, start)


async def test_a_wrong_file_at_a_refresh_changes_nothing(line: Line, tmp_path: Path) -> None:
    """What was read is read on, and why is said; the mended file is taken."""
    file = tmp_path / "points.csv"
    async with running(reading(line, REFRESH_S, s=listed(file, *BULK[:2])).run()):
        await reads(line, tags=2, channels=1)
        file.write_text("nonsense\n")
        await eventually(lambda: "nonsense" in line.counters.stream("s").last_error)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK[:2], start)
        write(file, *BULK)
        await reads(line, tags=3, channels=2)
    assert line.counters.stream("s").last_error == ""


async def test_a_restart_owes_the_time_since_the_last_event(line: Line) -> None:
    """The gaps are on disk before the first handshake, from 10 s before each tag's last event; then they are paid."""
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=3, channels=1)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK, start)
    last = {event.tag: event.ticks for event in await line.events()}
    line.clock.advance(60)
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=3, channels=1)
        await tells(line, BULK, start)
    owed = {gap.tag: gap.start_ticks + MARGIN_TICKS for gap in doorkeeper(line).gaps[-1]}
    assert owed.keys() == last.keys()
    # An event ahead of PI's clock, as far as it is known, counts from when it arrived.
    assert all(0 <= last[tag] - heard < 6 * SECOND for tag, heard in owed.items())
    assert len(line.on_disk(Lane.HISTORY)) > 100


async def test_nothing_is_lost_between_joining_and_the_first_message(line: Line) -> None:
    """A tag is owed what PI says from the moment it was chosen, however long the first handshake takes."""
    start = line.clock.ticks + 2 * SECOND
    doorkeeper(line).at_handshake = lambda: line.clock.advance(10)
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=3, channels=1)
        assert line.clock.ticks >= start + 8 * SECOND
        await tells(line, BULK, start)


async def test_new_tags_get_their_backfill(line: Line, tmp_path: Path) -> None:
    """A duration reaches back from the first start, also for a tag that joins later; a restart does not repeat it."""
    file = tmp_path / "points.csv"
    settings = listed(file, *BULK[:2], backfill="10m")
    start = line.clock.ticks - 590 * SECOND
    async with running(reading(line, REFRESH_S, s=settings).run()):
        await reads(line, tags=2, channels=1)
        await tells(line, BULK[:2], start)
        write(file, *BULK)
        await reads(line, tags=3, channels=2)
        await tells(line, BULK, start)
        oldest = min(event.ticks for event in await line.events())
    assert oldest >= line.clock.ticks - 602 * SECOND
    line.clock.advance(3600)
    async with running(reading(line, s=settings).run()):
        await reads(line, tags=3, channels=1)
        await tells(line, BULK, start)
        assert min(event.ticks for event in await line.events()) == oldest


async def test_backfill_from_a_time(line: Line) -> None:
    """An ISO time says from when on history is read."""
    since = line.clock.ticks - 400 * SECOND
    async with running(reading(line, s=points(*BULK, backfill=ticks.render(since))).run()):
        await reads(line, tags=3, channels=1)
        await tells(line, BULK, since)
    assert min(event.ticks for event in await line.events()) >= since


async def test_many_tags_take_several_channels(line: Line) -> None:
    """A channel has at most `streams_per_channel` tags."""
    async with running(reading(line, per_channel=2, s=points(*BULK)).run()):
        await reads(line, tags=3, channels=2)


async def test_a_backfill_that_reaches_further_back_reads_only_what_was_not_read(line: Line) -> None:
    """The configuration says 20 instead of 10 minutes: after the restart the ten before are read, once."""
    since = line.clock.ticks - 595 * SECOND
    async with running(reading(line, s=points(*BULK, backfill="10m")).run()):
        await reads(line, tags=3, channels=1)
        await tells(line, BULK, since)
    further = line.clock.ticks - 1195 * SECOND
    async with running(reading(line, s=points(*BULK, backfill="20m")).run()):
        await reads(line, tags=3, channels=1)
        await tells(line, BULK, further)
    assert line.counters.history.recovered > 1500
    assert line.counters.history.duplicates < 200, "only the overlap of the restart is read twice"
    async with running(reading(line, s=points(*BULK, backfill="10m")).run()):
        await reads(line, tags=3, channels=1)
        assert line.counters.history.recovered == 0


async def test_a_changed_configuration_leaves_the_other_streams_alone(line: Line) -> None:
    """A removed stream is heard no more, a new one is, and those that stay keep their channels."""
    streams = reading(line, a=points(BULK[0]), b=points(BULK[1]))
    async with running(streams.run()):
        await reads(line, tags=2, channels=2)
        before = set(streams._channels._channels)  # the very objects: nothing was opened anew
        start = line.clock.ticks + 1
        streams.change({"a": points(BULK[0]), "c": points(BULK[2])}, NEVER_S, surroundings())
        await eventually(lambda: line.counters.stream("c").channels_open == 1 and line.simulator.channels == 2)
        after = set(streams._channels._channels)
        assert [channel.reception.stream for channel in before & after] == ["a"]
        line.clock.advance(5)
        await tells(line, [BULK[0], BULK[2]], start)
    assert handshakes(line) == 3
    assert line.counters.stream("a").reconnects == 0


async def test_a_removed_stream_ends_though_pi_does_not_answer(line: Line) -> None:
    """It waits for no request about the others."""
    streams = reading(line, a=points(BULK[0]), b=points(BULK[1]))
    async with running(streams.run()):
        await reads(line, tags=2, channels=2)
        line.simulator.faults.add("hang@method=GET,path=/points")
        streams.change({"a": points(BULK[0], BULK[2])}, NEVER_S, surroundings())
        await eventually(lambda: line.simulator.channels == 1)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, [BULK[0]], start)
        line.simulator.faults.clear()
        await line.simulator.kill()  # ends the requests that hang
        await line.simulator.start()
        await eventually(lambda: line.counters.stream("a").tags == 2 and line.simulator.channels == 2)
        later = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, [BULK[0], BULK[2]], later)


async def test_a_stream_that_a_change_brings_gets_its_backfill(line: Line) -> None:
    """It is owed its history as at a first start."""
    streams = reading(line, a=points(BULK[0]))
    since = line.clock.ticks - 295 * SECOND
    async with running(streams.run()):
        await reads(line, tags=1, channels=1)
        streams.change({"a": points(BULK[0]), "b": points(BULK[1], backfill="5m")}, NEVER_S, surroundings())
        await reads(line, tags=2, channels=2)
        owed = line.truth([BULK[1]], since)
        await eventually(lambda: _covers(line, owed))
    assert line.counters.stream("a").recovered == 0


async def _covers(line: Line, owed: object) -> bool:
    return not (owed - await line.told())  # type: ignore[operator]


async def test_a_change_of_the_selection_is_resolved_at_once(line: Line) -> None:
    """Tags that stay in the stream lose nothing; those that leave are told no more."""
    streams = reading(line, s=points(*BULK[:2]))
    async with running(streams.run()):
        await reads(line, tags=2, channels=1)
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK[:2], start)
        streams.change({"s": points(*BULK[1:])}, NEVER_S, surroundings())
        await eventually(lambda: _reads_only(line, streams, BULK[1:]))
        later = line.clock.ticks + 1
        line.clock.advance(5)
        await tells(line, BULK[1:], later)
        owed = line.truth([BULK[1]], start)
        assert not owed - await line.told()
        assert max((await line.told()).values()) == 1


async def _reads_only(line: Line, streams: Streams, names: list[str]) -> bool:
    read = {tag.name for tag in streams._tags["s"].values()}
    counters = line.counters.stream("s")
    return read == set(names) and counters.channels_open == counters.channels > 0


async def test_a_change_of_refresh_counts_from_now_on(line: Line, tmp_path: Path) -> None:
    """A selection that would have been looked at in an hour is looked at soon."""
    file = tmp_path / "points.csv"
    settings = listed(file, *BULK[:2])
    streams = reading(line, s=settings)
    async with running(streams.run()):
        await reads(line, tags=2, channels=1)
        streams.change({"s": settings}, REFRESH_S, surroundings())
        asked = line.simulator.requests
        await eventually(lambda: line.simulator.requests >= asked + 3)
        write(file, *BULK)
        await reads(line, tags=3, channels=2)
    assert line.counters.stream("s").reconnects == 0


async def test_settled_time_is_read_again_as_each_stream_says(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late, edited and deleted values of a stream with `reread` become records; `reread: null` looks at nothing."""
    monkeypatch.setattr("pibridge.intake.edited._GATHER_S", NEVER_S)  # what the channel marks is another test's
    again = {"every": "50ms", "back": "200s"}
    streams = reading(line, a=points(QUIET, reread=again), b=points(BULK[1], reread=None), c=points(BULK[2]))
    async with running(streams.run()):
        await reads(line, tags=3, channels=3)
        (number,) = await line.describe(QUIET)
        await eventually(lambda: line.journal.mark("reread c") is not None)
        stalled = line.simulator.faults.add("stall")  # so that nothing comes by the channels
        line.clock.advance(400)
        await line.tell_time()
        line.write(-150, 2.0)
        await eventually(lambda: _has(line, number, [2.0]))
        looks = line.counters.history.looks
        await eventually(lambda: line.counters.history.looks >= looks + 3)
        line.simulator.plant.delete(QUIET, line.clock.ticks - 150 * SECOND)
        await eventually(lambda: line.counters.history.deletions == 1)
        assert line.journal.mark("reread b") is None
        streams.change({"a": points(QUIET, reread=None)}, NEVER_S, surroundings())
        await eventually(lambda: line.simulator.channels == 1)
        looks = line.counters.history.looks
        line.write(-160, 3.0)
        for _ in range(100):  # meanwhile it would have looked
            await line.tell_time()
        assert not await _has(line, number, [2.0, None, 3.0])
        line.simulator.faults.remove(stalled.number)
        await eventually(lambda: _has(line, number, [2.0, None, 3.0]))
        assert line.counters.history.looks == looks, "it came by the channel"
    assert (await line.events([number]))[-2].status & DELETE


async def _has(line: Line, number: int, values: list[object]) -> bool:
    return await line.values(number) == values


async def test_a_shard_reads_its_share_and_an_overlap_of_it(line: Line) -> None:
    """Of three tags one or two; with the history that another core may have had, as it reads from now on."""
    async with running(reading(line, shard=ShardSettings(index=0, of=2, overlap=60.0), s=points(*BULK)).run()):
        await eventually(lambda: 0 < line.counters.stream("s").tags < 3 and line.counters.stream("s").channels_open)
        names = [described(line.journal, number).name for number in range(1, line.counters.stream("s").tags + 1)]
        await tells(line, names, line.clock.ticks - 58 * SECOND)


async def test_what_is_missed_of_a_tag_is_read_before_it_leaves(line: Line) -> None:
    """A core that was down when the shards changed pays for all its tags, and keeps its own; others may come back."""
    alone, one_of_two = (ShardSettings(index=0, of=of, overlap=60.0) for of in (1, 2))
    async with running(reading(line, s=points(*BULK)).run()):
        await reads(line, tags=3, channels=1)
        start = line.clock.ticks + 1
    line.clock.advance(7200)
    streams = reading(line, shard=one_of_two, s=points(*BULK))
    async with running(streams.run()):
        await tells(line, BULK, start)
        await eventually(lambda: 0 < line.counters.stream("s").tags < 3)
        await eventually(line.owes_nothing)
        left = [number for number in range(1, 4) if line.journal.joined(number) is None]
        assert len(left) == 3 - line.counters.stream("s").tags
        line.clock.advance(7200)
        await line.tell_time()
        streams.change({"s": points(*BULK)}, NEVER_S, surroundings(), alone)
        await reads(line, tags=3, channels=2)
    assert min(line.journal.joined(number) or 0 for number in left) >= line.clock.ticks - 61 * SECOND
