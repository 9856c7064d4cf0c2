from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from intake.archivists import BULK, LONG_S, Archivist, judge
from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from pibridge.intake import owed as owed_module
from pibridge.intake.arrivals import Arrivals
from pibridge.intake.looks import Look
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.model.event import ERROR, Event, Lane
from pibridge.model.tag import Mode
from waiting import eventually, running


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant and an empty journal."""
    async with opened(tmp_path, plant_settings()) as ready:
        yield ready


@pytest.mark.parametrize("items", [7, 40, 350, 50_000])
@pytest.mark.parametrize("scope", ["stream", "total"])
async def test_pages_lose_and_repeat_nothing(tmp_path: Path, items: int, scope: str) -> None:
    """However few items one answer has, and whether PI counts them by stream or in total."""
    async with opened(tmp_path, plant_settings(max_count_scope=scope)) as line:
        archivist = Archivist(line, items)
        await archivist.owe(BULK, -LONG_S)
        await archivist.pay()
        await judge(line, BULK, -LONG_S)
        assert line.counters.history.paid == len(BULK)
        assert line.counters.history.recovered == line.counters.stream("s").recovered == len(await line.events())


async def test_more_events_at_one_time_than_a_page_holds(line: Line) -> None:
    """The group is asked for alone, and for more, until it fits; equal ones are counted."""
    for value in range(40):
        line.write(-60, float(value // 2))
    line.write(-50, 99.0)
    archivist = Archivist(line, items=100)
    await archivist.owe([QUIET, *BULK, "SINUSOID", "SINUSOIDU"], -LONG_S)
    await archivist.pay()
    await judge(line, [QUIET, *BULK, "SINUSOID", "SINUSOIDU"], -LONG_S)


async def test_what_fits_into_no_answer_is_left_out_and_the_rest_is_read(line: Line) -> None:
    """A group larger than `items_per_request` cannot be read whole; it does not stop the tag for ever."""
    for value in range(40):
        line.write(-60, float(value))
    line.write(-50, 99.0)
    archivist = Archivist(line, items=30)
    await archivist.owe([QUIET], -LONG_S)
    await archivist.pay()
    assert await line.values(archivist.numbers[0]) == [*(float(value) for value in range(30)), 99.0]


@pytest.mark.parametrize(("limit", "items", "settled"), [(150, 1000, 125), (150, 200, 100), (5, 50_000, 3)])
async def test_a_server_that_gives_less_is_asked_for_less(tmp_path: Path, limit: int, items: int, settled: int) -> None:
    """Too many items in one answer are refused with 400, several requests at once: half is asked for, nothing lost."""
    async with opened(tmp_path, plant_settings(max_items_per_call=limit)) as line:
        archivist = Archivist(line, items)
        await archivist.owe(BULK, -LONG_S)
        await archivist.pay()
        await judge(line, BULK, -LONG_S)
        assert archivist.history._items == settled


@pytest.mark.parametrize("items", [350, 100], ids=["together", "each asked for ahead"])
@pytest.mark.parametrize(
    "fault",
    [
        "web-exception@path=recorded,count=3",
        "truncate@path=recorded,count=3",
        "html@path=recorded,count=3",
        "reset@path=recorded,count=3",
        "status=429@path=recorded,count=3",
        "stream-error@tag=BULK.000002,count=3",
        "value-error@tag=BULK.000002,count=2",
    ],
)
async def test_an_answer_that_is_none_is_asked_for_again(
    line: Line, fault: str, items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever PI writes in place of data is never taken for "no data": the same window is read again."""
    # What was set aside is looked at again after half a minute; nobody waits for that here.
    monkeypatch.setattr(owed_module, "_SET_ASIDE_S", 0.05)
    broken = line.simulator.faults.add(fault)
    archivist = Archivist(line, items)
    await archivist.owe(BULK, -LONG_S)
    await archivist.pay()
    assert broken.left == 0
    await judge(line, BULK, -LONG_S)


async def test_a_value_that_stays_unreadable_is_told_as_an_error(line: Line) -> None:
    """PI answers for it again and again with an error: that is what PI says, and the rest goes on."""
    line.write(-60, 1.0)
    line.write(-50, 2.0)
    line.simulator.faults.add(rf"value-error@tag={QUIET}")
    archivist = Archivist(line)
    await archivist.owe([QUIET, *BULK], -LONG_S)
    await archivist.pay()
    errors = [event for event in await line.events(archivist.numbers[:1]) if "could not be read" in str(event.value)]
    assert len(errors) == 2


async def test_one_tag_that_pi_does_not_give_does_not_stop_the_others(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted point is set aside, told once, its gap stays open and is tried again; the others are paid."""
    # What was set aside is looked at again after half a minute; nobody waits for that here.
    monkeypatch.setattr(owed_module, "_SET_ASIDE_S", 0.05)
    archivist = Archivist(line)
    await archivist.owe([*BULK, QUIET], -LONG_S)
    line.write(-30, 1.0)
    lost = archivist.numbers[-1]
    known = archivist.catalogue.tag(lost)
    archivist.catalogue.add({lost: replace(known, web_id=known.web_id[:-6] + "f0d0_w")})  # of no point
    with capture_logs() as logs:
        async with running(archivist.history.run()):
            await eventually(lambda: line.counters.history.paid == len(BULK))
            assert [gap.tag for gap in await line.journal.gaps()] == [lost]
            tried = line.simulator.requests
            await eventually(lambda: line.simulator.requests >= tried + 3)
            archivist.catalogue.add({lost: known})
            await eventually(line.owes_nothing)
    assert [log["tag"] for log in logs] == [known.path]
    await judge(line, [*BULK, QUIET], -LONG_S)


@pytest.mark.parametrize("status", [409, 501])
async def test_what_has_no_history_is_owed_no_longer(line: Line, status: int) -> None:
    """PI says that there is none: that is told and counted, and the others are paid."""
    line.simulator.faults.add(f"status={status}@path=/recorded,count=1")
    archivist = Archivist(line)
    await archivist.owe([QUIET], -LONG_S)
    await archivist.pay()
    assert line.counters.history.left_out == 1


async def test_of_mode_recorded_gaps_wait_for_who_holds_the_snapshot(line: Line) -> None:
    """Nobody knows what PI may still discard: the gap stays; then it and what follows are left to be told live."""
    tags = await line.describe(QUIET, mode=Mode.RECORDED)
    (number,) = tags
    for second in (-30, -20, -10):
        line.write(second, float(second))
    archivist = Archivist(line)
    archivist.catalogue.add(tags)
    arrivals = Arrivals({}, [])
    archivist.catalogue.hear([number], arrivals)
    now = line.clock.ticks
    await line.journal.open_gaps([NewGap(number, now - LONG_S * SECOND, now, "test")])
    archivist.history.recoverable()
    async with running(archivist.history.run()):
        asked = line.simulator.requests
        await line.tell_time()
        assert line.simulator.requests == asked + 1
        assert not await line.owes_nothing()
        arrivals.present[number] = Event(number, now - 20 * SECOND, -20.0)
        archivist.history.recoverable()
        await eventually(line.owes_nothing)
        assert await line.values(number) == [-30.0]


async def test_a_look_tells_nothing_provisional_when_nobody_holds_it(line: Line) -> None:
    """Late values behind the last one that was told are archived for sure; newer ones are not."""
    tags = await line.describe(QUIET, mode=Mode.RECORDED)
    (number,) = tags
    line.write(-20, 2.0)
    await line.journal.commit(Lane.LIVE, [Event(number, line.clock.ticks - 20 * SECOND, 2.0)], line.clock.ticks)
    line.write(-30, 1.0)
    line.write(-10, 3.0)
    archivist = Archivist(line)
    archivist.catalogue.add(tags)
    async with running(archivist.history.run()):
        await archivist.history.look(Look({number: [(line.clock.ticks - 60 * SECOND, line.clock.ticks)]}))
    assert await line.values(number) == [2.0, 1.0]


@pytest.mark.parametrize("said", [{"static": True}, {"mode": Mode.INTERPOLATED}])
async def test_what_has_no_archive_of_its_own_is_never_looked_at(line: Line, said: dict[str, Any]) -> None:
    """The look is over at once, and PI is not asked."""
    tags = {number: replace(tag, **said) for number, tag in (await line.describe(QUIET)).items()}
    archivist = Archivist(line)
    archivist.catalogue.add(tags)
    asked = line.simulator.requests
    async with running(archivist.history.run()):
        await archivist.history.look(Look({tag: [(0, line.clock.ticks)] for tag in tags}))
    assert line.simulator.requests == asked


async def test_a_sample_that_stays_unreadable_is_told_as_an_error(line: Line) -> None:
    """PI answers for it again and again with an error: that is what PI says."""
    tags = await line.describe(*BULK[:2], mode=Mode.INTERPOLATED)
    archivist = Archivist(line)
    archivist.catalogue.add(tags)
    archivist.catalogue.hear(list(tags), Arrivals({}, []), 10 * SECOND)
    line.simulator.faults.add(rf"value-error@tag={BULK[0]}")
    now = line.clock.ticks
    await line.journal.open_gaps([NewGap(number, now - 95 * SECOND, now - 1, "test") for number in tags])
    archivist.history.recoverable()
    await archivist.pay()
    first, second = [await line.events([number]) for number in tags]
    assert (
        [event.ticks for event in first]
        == [event.ticks for event in second]
        == list(range(now - 90 * SECOND, now, 10 * SECOND))
    )
    assert all(event.status & ERROR for event in first)
    assert not any(event.status & ERROR for event in second)


async def test_the_most_recent_need_comes_first(line: Line) -> None:
    """A backfill of long ago does not make the gap of just now wait."""
    archivist = Archivist(line)
    await archivist.owe(BULK[:2], -7 * 86_400, -7 * 86_400 + 600)
    old = archivist.numbers
    await archivist.owe(BULK[2:], -60)
    (new,) = archivist.numbers
    await archivist.pay()
    order = list(dict.fromkeys(event.tag for event in line.on_disk(Lane.HISTORY)))
    assert order == [new, *old]


async def test_a_tag_that_is_read_no_longer_keeps_its_gap(line: Line) -> None:
    """It is not asked for; when it is read again, it is paid."""
    archivist = Archivist(line)
    await archivist.owe(BULK, -LONG_S)
    left = archivist.numbers[0]
    archivist.catalogue.remove([left])
    async with running(archivist.history.run()):
        await eventually(lambda: line.counters.history.paid == len(BULK) - 1)
        assert [gap.tag for gap in await line.journal.gaps()] == [left]
        archivist.catalogue.add({left: archivist.catalogue.tag(left)})
        archivist.history.recoverable()
        await eventually(line.owes_nothing)
    await judge(line, BULK, -LONG_S)


async def test_an_outage_of_pi_is_waited_out(line: Line) -> None:
    """Nobody answers: the gaps stay, and are paid when PI is back."""
    archivist = Archivist(line)
    await archivist.owe(BULK, -LONG_S)
    await line.simulator.kill()
    async with running(archivist.history.run()):
        await line.simulator.start()
        await eventually(line.owes_nothing)
    await judge(line, BULK, -LONG_S)


async def test_gap_and_events_are_written_in_one_transaction(tmp_path: Path) -> None:
    """A full journal takes neither; with room again both are there."""
    async with opened(tmp_path, plant_settings(), journal={"max_size": "16MiB"}) as line:
        archivist = Archivist(line)
        await archivist.owe(BULK, -LONG_S)
        await line.fill()
        asked = line.simulator.requests
        async with running(archivist.history.run()):
            await eventually(lambda: line.simulator.requests > asked)
            assert line.on_disk(Lane.HISTORY) == []
            assert len(await line.journal.gaps()) == len(BULK)
            await line.empty()
            await eventually(line.owes_nothing)
        owed = line.truth(BULK, line.clock.ticks - LONG_S * SECOND)
        assert len(line.on_disk(Lane.HISTORY)) == sum(owed.values())


async def test_events_seen_live_are_not_told_again(line: Line) -> None:
    """What the journal has of the gap's time, from the channel or from another gap, is taken away by counting."""
    tags = await line.describe(*BULK)
    start = line.clock.ticks + 1
    async with running((await line.channel(tags)).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        line.clock.advance(30)
        owed = sum(line.truth(BULK, start).values())
        await eventually(lambda: line.counters.stream("s").read == owed + len(BULK))
    archivist = Archivist(line)
    await archivist.owe(BULK, -LONG_S)
    await archivist.pay()
    told = await line.told()
    assert told - line.truth(BULK, line.clock.ticks - LONG_S * SECOND) == {}
    assert line.counters.history.duplicates > 0


class _Interrupted(Journal):
    """A journal in which something happens once, just after it was looked into."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def seen(self, numbers: Collection[int], start_ticks: int, end_ticks: int) -> list[Event]:
        """Look, then let it happen."""
        found = await super().seen(numbers, start_ticks, end_ticks)
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()
        return found


async def test_events_that_arrive_live_while_history_looks_are_told_once(tmp_path: Path) -> None:
    """The archive has ten events of each tag that one message brings while the journal is asked: they count once."""
    async with opened(tmp_path, plant_settings(), kind=_Interrupted) as line:
        assert isinstance(line.journal, _Interrupted)
        tags = await line.describe(*BULK)
        live = await line.channel(tags)
        archivist = Archivist(line)
        archivist.catalogue.hear(list(tags), live.reception.arrivals)  # the channel's memory is what both share
        start = line.clock.ticks + 1
        arrived = line.counters.stream("s")
        async with running(live.run()):
            await eventually(lambda: arrived.channels_open == 1)
            stalled = line.simulator.faults.add("stall")
            line.clock.advance(10)
            owed = line.truth(BULK, start)

            async def message() -> None:
                line.simulator.faults.remove(stalled.number)
                taken = arrived.read + arrived.duplicates
                await eventually(lambda: arrived.read + arrived.duplicates == taken + sum(owed.values()))

            line.journal.meanwhile = message
            await archivist.owe(BULK, -10)
            await archivist.pay()
        assert line.journal.meanwhile is None
        assert {fact: count for fact, count in (await line.told()).items() if fact[1] >= start} == owed


async def test_recovered_events_are_not_taken_when_they_arrive_late(line: Line) -> None:
    """History was faster than the channel: what it read is a duplicate there."""
    tags = await line.describe(*BULK)
    live = await line.channel(tags)
    archivist = Archivist(line)
    archivist.catalogue.hear(list(tags), live.reception.arrivals)  # the channel's memory is what both share
    start = line.clock.ticks + 1
    async with running(live.run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        stalled = line.simulator.faults.add("stall")
        line.clock.advance(10)
        await archivist.owe(BULK, -10)
        await archivist.pay()
        line.simulator.faults.remove(stalled.number)
        owed = line.truth(BULK, start)
        await eventually(lambda: line.counters.stream("s").duplicates == sum(owed.values()))
    assert {fact: count for fact, count in (await line.told()).items() if fact[1] >= start} == owed


async def test_what_is_owed_is_counted_with_its_age(line: Line) -> None:
    """While PI gives nothing: how many gaps, and when the oldest begins; nothing once they are paid."""
    archivist = Archivist(line)
    await archivist.owe(BULK[:1], -100)
    await archivist.owe(BULK[1:2], -200)
    line.simulator.faults.add("status=503@path=recorded")
    history = line.counters.history
    async with running(archivist.history.run()):
        await eventually(lambda: (history.owed, history.oldest_ticks) == (2, line.clock.ticks - 200 * SECOND))
        line.simulator.faults.clear()
        await eventually(lambda: (history.owed, history.oldest_ticks) == (0, 0), 20)
