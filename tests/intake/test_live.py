import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from intake.lines import QUIET, SECOND, Doorkeeper, Line, opened, plant_settings
from pibridge.errors import RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake import live as live_module
from pibridge.intake.pages import MARGIN_TICKS
from pibridge.intake.reception import AHEAD_TICKS
from pibridge.journal.gaps import Gap
from pibridge.model import ticks
from pibridge.model.event import SUBSTITUTED, UPDATE, Event, Lane
from pibridge.pi.channel import Channel
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant and an empty journal."""
    async with opened(tmp_path, plant_settings(), timeouts={"silent_channel": "400ms"}) as ready:
        yield ready


def doorkeeper(line: Line) -> Doorkeeper:
    """Give who notes what is on disk at each handshake."""
    assert isinstance(line.simulator.faults, Doorkeeper)
    return line.simulator.faults


async def gaps_of(line: Line, number: int) -> list[Gap]:
    """Give the gaps of one tag."""
    return [gap for gap in await line.journal.gaps() if gap.tag == number]


async def has_values(line: Line, number: int, *values: object) -> bool:
    """Tell whether the tag has exactly these values, in this order."""
    return await line.values(number) == list(values)


async def test_every_message_is_journaled(line: Line) -> None:
    """What PI sends is on disk, in PI's order, each event once."""
    start = line.clock.ticks + 1
    tags = await line.describe(*BULK)
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        for _ in range(5):
            line.clock.advance(3)
            await eventually(lambda: line.counters.stream("s").last_ticks > line.clock.ticks - 2 * SECOND)
        owed = line.truth(BULK, start)
        await eventually(lambda: _covers(line, owed))
    told = await line.told()
    assert sum(owed.values()) >= 42
    assert {fact: count for fact, count in told.items() if fact[1] >= start} == owed
    for number in tags:
        times = [event.ticks for event in line.on_disk(Lane.LIVE) if event.tag == number]
        assert times == sorted(times)


async def _covers(line: Line, owed: object) -> bool:
    told = await line.told()
    return not (owed - told)  # type: ignore[operator]


async def test_the_gap_is_on_disk_before_the_reconnect(line: Line) -> None:
    """A handshake after a loss, also a refused one, finds the gap written down: from 10 s before the last event."""
    tags = await line.describe(QUIET)
    (number,) = tags
    ended: list[int] = []
    async with running((await line.channel(tags, lambda: ended.append(1))).run()):
        await eventually(lambda: ended)
        line.write(0, 1.5)
        await eventually(lambda: line.journal.last(number) is not None and has_values(line, number, 1.5))
        refusal = line.simulator.faults.add("status=503@path=channel,count=1")
        line.simulator.faults.add("drop-channel")
        await eventually(lambda: refusal.acted == 1)
        await eventually(lambda: len(ended) == 2)
    first, refused, accepted = doorkeeper(line).gaps[:3]
    assert first == []
    for seen in (refused, accepted):
        (gap,) = seen
        assert (gap.tag, gap.start_ticks, gap.end_ticks) == (number, line.clock.ticks - MARGIN_TICKS, None)


async def test_a_gap_ends_after_the_first_message(line: Line) -> None:
    """The channel is heard again: the gap reaches ten minutes beyond, where PI's clock may already be in its data."""
    tags = await line.describe(QUIET)
    (number,) = tags
    ended: list[int] = []
    async with running((await line.channel(tags, lambda: ended.append(1))).run()):
        await eventually(lambda: ended)
        line.simulator.faults.add("drop-channel")
        await eventually(lambda: len(ended) == 2)
        (gap,) = await gaps_of(line, number)
    assert gap.end_ticks is not None
    assert abs(gap.end_ticks - (line.clock.ticks + AHEAD_TICKS)) < 60 * SECOND


async def test_a_tag_that_was_never_heard_is_owed_since_it_joined(line: Line) -> None:
    """The first handshake fails: what PI says until it succeeds is a gap."""
    line.simulator.faults.add("status=503@path=channel")
    tags = await line.describe(QUIET)
    (number,) = tags
    joined = line.client.server_ticks()
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: gaps_of(line, number))
        (gap,) = await gaps_of(line, number)
    assert gap.end_ticks is None
    assert abs(gap.start_ticks - (joined - MARGIN_TICKS)) < SECOND


async def test_a_substituted_value_in_place_of_an_older_one_is_an_update(line: Line) -> None:
    """The tag had another value at this time: the journal knows, though the channel no longer remembers."""
    tags = await line.describe(QUIET)
    (number,) = tags
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        for second in range(6):
            line.write(second, float(second))
        await eventually(lambda: has_values(line, number, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0))
        line.simulator.plant.replace(QUIET, line.clock.ticks + SECOND, 9.0)
        await eventually(lambda: _last_is(line, Event(number, line.clock.ticks + SECOND, 9.0, SUBSTITUTED | UPDATE)))


async def _last_is(line: Line, event: Event) -> bool:
    return (await line.events([event.tag]))[-1] == event


async def test_a_substituted_value_where_there_was_none_is_a_late_insert(line: Line) -> None:
    """PI marks inserted values too; they replace nothing."""
    tags = await line.describe(QUIET)
    (number,) = tags
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        line.write(0, 1.0)
        await eventually(lambda: has_values(line, number, 1.0))
        line.write(-500, 7.0, substituted=True)
        await eventually(lambda: _last_is(line, Event(number, line.clock.ticks - 500 * SECOND, 7.0, SUBSTITUTED)))


async def test_a_repeated_edit_is_dropped(line: Line) -> None:
    """An edit that PI tells again counts once, however long ago it was."""
    tags = await line.describe(QUIET)
    (number,) = tags
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        for second in range(6):
            line.write(second, float(second))
        await eventually(lambda: has_values(line, number, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0))
        line.simulator.plant.replace(QUIET, line.clock.ticks + SECOND, 9.0)
        await eventually(lambda: has_values(line, number, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0))
        for second in (6, 7, 8, 9):
            line.write(second, float(second))
        line.simulator.plant.replace(QUIET, line.clock.ticks + SECOND, 9.0)
        line.write(10, 10.0)
        await eventually(lambda: line.counters.stream("s").duplicates == 1)
        await eventually(lambda: has_values(line, number, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 6.0, 7.0, 8.0, 9.0, 10.0))


@pytest.mark.parametrize("newer", [0, 6])
async def test_an_edit_that_puts_the_first_value_back_is_told(line: Line, newer: int) -> None:
    """What counts is the value that the tag was last said to have at this time, not any that it once had."""
    tags = await line.describe(QUIET)
    (number,) = tags
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        line.write(0, 1.0)
        later = [float(100 + second) for second in range(newer)]
        await eventually(lambda: has_values(line, number, 1.0))
        for second, value in enumerate(later, start=1):
            line.write(second, value)
        await eventually(lambda: has_values(line, number, 1.0, *later))
        line.simulator.plant.replace(QUIET, line.clock.ticks, 2.0)
        await eventually(lambda: has_values(line, number, 1.0, *later, 2.0))
        line.simulator.plant.replace(QUIET, line.clock.ticks, 1.0)
        await eventually(lambda: has_values(line, number, 1.0, *later, 2.0, 1.0))
        await eventually(lambda: _last_is(line, Event(number, line.clock.ticks, 1.0, SUBSTITUTED | UPDATE)))


async def test_a_full_journal_closes_the_channel_and_opens_it_again(tmp_path: Path) -> None:
    """While nothing can be kept PI is not read; the gap stands for it, and with room the channel is back."""
    async with opened(tmp_path, plant_settings(), journal={"max_size": "16MiB"}) as line:
        tags = await line.describe(QUIET)
        (number,) = tags
        async with running((await line.channel(tags)).run()):
            await eventually(lambda: line.simulator.channels == 1)
            await line.fill()
            line.write(0, 1.0)
            await eventually(lambda: line.simulator.channels == 0)
            await eventually(lambda: gaps_of(line, number))
            assert (await gaps_of(line, number))[0].end_ticks is None
            await line.empty()
            await eventually(lambda: line.simulator.channels == 1)
            await eventually(lambda: _told(line, number, 1.0))
            assert (await gaps_of(line, number))[0].end_ticks is not None


async def _told(line: Line, number: int, value: object) -> bool:
    return value in await line.values(number)


async def test_a_message_that_cannot_be_read_is_a_lost_channel(line: Line) -> None:
    """What was in it is owed: the gap covers it, and the channel is opened anew."""
    tags = await line.describe(QUIET)
    (number,) = tags
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        doorkeeper(line).garbled = True
        line.write(0, 1.0)
        await eventually(lambda: line.counters.stream("s").reconnects == 1)
        await eventually(lambda: len(doorkeeper(line).gaps) == 2)
        (gap,) = doorkeeper(line).gaps[1]
        assert (gap.tag, gap.end_ticks) == (number, None)
        assert gap.start_ticks <= line.clock.ticks
        await eventually(lambda: has_values(line, number, 1.0))


async def test_values_of_unknown_streams_are_counted(line: Line) -> None:
    """They cannot be journaled; the others are."""
    tags = await line.describe(QUIET, "BULK.000001")
    number, stranger = tags
    await line.journal.join(list(tags), line.client.server_ticks())
    channel = await line.channel({number: tags[number]})
    channel.reception.web_ids = (tags[number].web_id, tags[stranger].web_id)
    async with running(channel.run()):
        await eventually(lambda: line.counters.stream("s").unknown >= 1)
        line.clock.advance(2)
        line.write(0, 1.0)
        await eventually(lambda: has_values(line, number, 1.0))
        await eventually(lambda: line.counters.stream("s").unknown >= 3)
    assert await line.events([stranger]) == []


async def test_a_channel_without_heartbeat_is_opened_anew(line: Line) -> None:
    """A connection on which nothing comes for `silent_channel` is taken for dead, and its gap is written down."""
    tags = await line.describe(QUIET)
    silence = line.simulator.faults.add("no-heartbeat")
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: len(doorkeeper(line).gaps) >= 2)
        (gap,) = doorkeeper(line).gaps[1]
        assert "not even a heartbeat" in gap.reason
        line.simulator.faults.remove(silence.number)
        await eventually(lambda: line.counters.stream("s").channels_open == 1)


async def test_a_silent_channel_is_opened_anew(line: Line) -> None:
    """It is open and beats, but brings nothing: PI's present values give it away. What it swallowed is a gap."""
    tags = await line.describe(QUIET, *BULK)
    number = next(iter(tags))
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        line.write(0, 1.0)
        await eventually(lambda: has_values(line, number, 1.0))
        line.simulator.faults.add("silence")
        await eventually(lambda: line.simulator.faults.listed()[0].acted == 1)
        line.write(1, 2.0)
        line.write(2, 3.0)
        line.clock.advance(2)
        await eventually(lambda: line.counters.stream("s").silent == 1)
        await eventually(lambda: len(doorkeeper(line).gaps) == 2)
        (gap,) = [gap for gap in doorkeeper(line).gaps[1] if gap.tag == number]
        assert gap.reason.startswith("a silent channel")
        assert (gap.start_ticks, gap.end_ticks) == (line.clock.ticks - 2 * SECOND - MARGIN_TICKS, None)
        await eventually(lambda: has_values(line, number, 1.0, 3.0))  # the value between them is in the gap
        await eventually(lambda: _ended(line, number))


async def _ended(line: Line, number: int) -> bool:
    return all(gap.end_ticks is not None for gap in await gaps_of(line, number))


async def test_a_quiet_channel_stays_open(line: Line) -> None:
    """PI has nothing newer than was journaled: nothing is wrong, however often it is compared."""
    tags = await line.describe(QUIET, *BULK)
    number = next(iter(tags))
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        line.write(0, 1.0)
        await eventually(lambda: has_values(line, number, 1.0))
        asked = line.simulator.requests
        await eventually(lambda: line.simulator.requests >= asked + 3)
        line.write(-300, 2.0)  # late: older than the newest
        await eventually(lambda: has_values(line, number, 1.0, 2.0))
        asked = line.simulator.requests
        await eventually(lambda: line.simulator.requests >= asked + 2)
    assert (line.counters.stream("s").silent, line.counters.stream("s").reconnects) == (0, 0)


@pytest.mark.parametrize("fault", ["status=503", "truncate", "web-exception=500", "status=403", "stream-error"])
async def test_a_comparison_that_fails_says_nothing(line: Line, fault: str) -> None:
    """Without PI's present values the channel stays; as soon as there are some, it is judged by them."""
    tags = await line.describe(QUIET)
    (number,) = tags
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        line.simulator.faults.add("silence")
        await eventually(lambda: line.simulator.faults.listed()[0].acted == 1)
        limit = "" if fault == "stream-error" else "@path=streamsets/value"
        broken = line.simulator.faults.add(fault + limit)
        line.write(0, 1.0)
        await eventually(lambda: broken.acted >= 3)
        assert (line.counters.stream("s").silent, line.counters.stream("s").reconnects) == (0, 0)
        line.simulator.faults.remove(broken.number)
        await eventually(lambda: has_values(line, number, 1.0))
    assert line.counters.stream("s").silent == 1


async def test_errors_in_place_of_values_are_read_from_the_archive(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they stand for is a gap at once; history gets it, but not again and again while PI goes on to fail."""
    # PI is asked for it once in half a minute; nobody waits for that here.
    monkeypatch.setattr(live_module, "_FAILED_AGAIN_S", 1.0)
    tags = await line.describe(QUIET)
    (number,) = tags
    given: list[float] = []
    loop = asyncio.get_running_loop()
    async with running((await line.channel(tags, lambda: given.append(loop.time()))).run()):
        await eventually(lambda: len(given) == 1)
        line.write(0, 1.0)
        await eventually(lambda: has_values(line, number, 1.0))
        failing = line.simulator.faults.add(f"stream-error@tag={QUIET}")
        for count in range(1, 6):
            line.write(count, float(count))
            await eventually(lambda count=count: failing.acted == count)  # type: ignore[misc]
        line.simulator.faults.remove(failing.number)
        line.write(20, 20.0)
        await eventually(lambda: has_values(line, number, 1.0, 20.0))
        gaps = await gaps_of(line, number)
        assert [gap.end_ticks is None for gap in gaps] == [False, True], "the first is owed, the others wait"
        assert {gap.start_ticks for gap in gaps} == {line.clock.ticks - MARGIN_TICKS}
        await eventually(lambda: len(given) == 3)
        assert all(gap.end_ticks is not None for gap in await gaps_of(line, number))
    assert given[2] - given[1] >= 1.0
    assert line.counters.stream("s").reconnects == 0


async def test_a_tag_that_goes_on_failing_is_one_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors in place of its values are told once, and again when it has had a value meanwhile."""
    monkeypatch.setattr(live_module, "_FAILED_AGAIN_S", 0.0)
    tags = await line.describe(QUIET)
    (number,) = tags
    with capture_logs() as logs:
        async with running((await line.channel(tags)).run()):
            await eventually(lambda: line.counters.stream("s").channels_open == 1)
            for heard in ([50.0], [50.0, 150.0]):
                failing = line.simulator.faults.add(f"stream-error@tag={QUIET}")
                for count in range(1, 4):
                    line.write(int(heard[-1]) - count, 0.0)
                    await eventually(lambda fault=failing, count=count: fault.acted == count)  # type: ignore[misc]
                line.simulator.faults.remove(failing.number)
                line.write(int(heard[-1]), heard[-1])
                await eventually(partial(has_values, line, number, *heard))
    told = [log for log in logs if log["event"].startswith("PI sent errors")]
    assert [(log["stream"], log["failed"], bool(log["hint"])) for log in told] == [("s", 1, True)] * 2


async def test_a_channel_that_pi_refuses_ends(line: Line) -> None:
    """An unknown or forbidden tag among its tags: it says so, and whoever runs it parts the tags."""
    for status, kind in ((404, RejectedError), (403, UnauthorizedError)):
        tags = await line.describe(QUIET)
        (number,) = tags
        refusal = line.simulator.faults.add(f"status={status}@path=channel")
        error = await (await line.channel(tags)).run()
        assert isinstance(error, kind)
        assert error.status == status
        assert (await gaps_of(line, number))[0].end_ticks is None
        line.simulator.faults.remove(refusal.number)


async def test_a_channel_that_beats_stays_open(line: Line) -> None:
    """Silence of the plant is no silence of the channel."""
    tags = await line.describe(QUIET)
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        beating = asyncio.get_running_loop().time() + 1.0
        await eventually(lambda: asyncio.get_running_loop().time() > beating)
    assert line.counters.stream("s").reconnects == 0


async def test_what_came_before_a_message_that_is_none_is_journaled(line: Line) -> None:
    """Both are received at once; the channel is lost by the second."""
    (tag,) = (await line.describe(QUIET)).values()
    live = await line.channel(await line.describe(QUIET))
    stamp = ticks.render(line.clock.ticks)
    value = f'{{"Items":[{{"WebId":"{tag.web_id}","Items":[{{"Timestamp":"{stamp}","Value":7.5}}]}}]}}'

    class Lump(Channel):
        def __init__(self) -> None: ...

        async def receive(self) -> list[bytes]:
            return [value.encode(), b'{"Items":[{"WebId":', value.encode()]

    with pytest.raises(UnavailableError, match="cut off"):
        await live._receive(Lump())
    assert await line.values(1) == [7.5]
