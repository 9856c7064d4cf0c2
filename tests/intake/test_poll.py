from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest

from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from pibridge.errors import PIBridgeError
from pibridge.intake import poll as poll_module
from pibridge.intake.poll import Poll
from pibridge.model.event import DELETE, UPDATE
from pibridge.model.tag import Mode, Tag
from pibridge.simulator.faults import Fault, parse
from pibridge.simulator.webid import WebIdType, encode
from waiting import eventually, running

BULK = ("BULK.000001", "BULK.000002", "BULK.000003")


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant, a journal, and what stands between them."""
    async with opened(tmp_path, plant_settings()) as found:
        yield found


@pytest.fixture
async def sparing(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant whose archive discards what lies on a line."""
    async with opened(tmp_path, plant_settings(compression=True)) as found:
        yield found


class Polled:
    """A group of polled tags over a line, what was set aside of them, and how often history was called."""

    def __init__(self, line: Line, tags: dict[int, Tag], poll: Poll) -> None:
        self.line = line
        self.tags = tags
        self.poll = poll
        self.numbers = list(tags)

    async def looks(self, times: int = 2) -> None:
        """Wait until PI was asked for its present values again."""
        asked = self.line.simulator.requests
        await eventually(lambda: self.line.simulator.requests >= asked + times)


async def polled(
    line: Line,
    *names: str,
    mode: Mode = Mode.REALTIME,
    static: Collection[int] = (),
    aside: dict[int, PIBridgeError] | None = None,
    recovered: list[int] | None = None,
) -> Polled:
    """Give these tags, polled without a pause."""
    tags = await line.describe(*names, mode=mode)
    done: list[int] = [] if recovered is None else recovered
    reception = await line.reception(tags, lambda: done.append(1))
    set_aside: Any = ({} if aside is None else aside).update
    poll = Poll(reception, 0.01, set_aside, archived_only=mode is Mode.RECORDED, static=static)
    return Polled(line, tags, poll)


def is_open(line: Line) -> bool:
    """Tell whether the tags are read."""
    return line.counters.stream("s").channels_open == 1


async def test_what_lies_between_two_looks_is_read_from_the_archive(line: Line) -> None:
    """Many events come between two looks: all of them are told, once and in order."""
    group = await polled(line, *BULK)
    start = line.clock.ticks + 1
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        for seconds in (1, 30, 3, 200):
            line.clock.advance(seconds)
            owed = line.truth(BULK, start)

            async def all_told(owed: Any = owed) -> bool:
                return not owed - await line.told()

            await eventually(all_told)
    assert {fact: count for fact, count in (await line.told()).items() if fact[1] >= start} == owed
    for number in group.numbers:
        times = [event.ticks for event in await line.events([number])]
        assert times == sorted(times)


async def test_a_quiet_tag_is_not_read_again_and_again(line: Line) -> None:
    """Where PI's present value is the known one, its archive is not asked."""
    group = await polled(line, QUIET)
    line.simulator.faults.add("status=500@path=recorded")
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        await group.looks(5)
    assert line.counters.stream("s").reconnects == 0


async def test_an_edited_present_value_is_an_update(line: Line) -> None:
    """Another value at the known time, marked Substituted: PI replaced it."""
    group = await polled(line, QUIET)
    line.write(-5, 1.0)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        line.simulator.plant.replace(QUIET, line.clock.ticks - 5 * SECOND, 2.0)

        async def is_edited() -> bool:
            events = await line.events(group.numbers)
            return [event.value for event in events] == [1.0, 2.0] and bool(events[-1].status & UPDATE)

        await eventually(is_edited)


async def test_more_than_a_look_reads_is_left_to_history(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gap begins before the last known event and has its end; the present value is told at once."""
    monkeypatch.setattr(poll_module, "_MOST_BETWEEN", 5)
    recovered: list[int] = []
    group = await polled(line, BULK[0], recovered=recovered)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line) and recovered)
        before = line.clock.ticks
        line.clock.advance(60)
        newest = max(moment for _, moment, _ in line.truth(BULK[:1], before))
        await eventually(lambda: len(recovered) > 1)
        await eventually(lambda: (last := line.journal.last(group.numbers[0])) and last.ticks == newest)
    gaps = [gap for gap in await line.journal.gaps() if gap.reason == "more than a look reads"]
    assert gaps
    assert all(gap.start_ticks <= before and (gap.end_ticks or 0) >= newest for gap in gaps)


async def test_errors_in_place_of_archived_values_are_left_to_history(line: Line) -> None:
    """It asks again a few times before it tells an error."""
    recovered: list[int] = []
    group = await polled(line, QUIET, recovered=recovered)
    line.write(-1, 0.0)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line) and recovered)
        line.simulator.faults.add(f"value-error@tag={QUIET}")
        line.clock.advance(1)
        line.write(0, 1.0)
        await eventually(lambda: len(recovered) > 1)


async def test_an_outage_ends_as_a_gap(line: Line) -> None:
    """PI is away: the gap is on disk without an end, and gets it when PI is back."""
    group = await polled(line, *BULK)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        await line.simulator.kill()
        await eventually(lambda: not is_open(line))
        gaps = await line.journal.gaps()
        assert {gap.tag for gap in gaps if gap.end_ticks is None} == set(group.numbers)
        await line.simulator.start()
        await eventually(lambda: is_open(line))
        assert all(gap.end_ticks is not None for gap in await line.journal.gaps())


async def test_a_refused_tag_is_set_aside_and_the_others_go_on(line: Line) -> None:
    """A deleted point among good ones."""
    aside: dict[int, PIBridgeError] = {}
    group = await polled(line, *BULK, aside=aside)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        line.simulator.plant.remove_point(BULK[1])
        await eventually(lambda: list(aside) == [group.numbers[1]])
        start = line.clock.ticks + 1
        line.clock.advance(5)
        await eventually(lambda: is_open(line))

        async def others_go_on() -> bool:
            return not line.truth((BULK[0], BULK[2]), start) - await line.told()

        await eventually(others_go_on)


async def test_a_value_that_comes_late_to_be_read_is_recovered(line: Line) -> None:
    """PI failed to tell one tag's value when the others were read first: what it missed until it does is read."""
    fault = line.simulator.faults.add(f"stream-error@tag={BULK[0]}")
    recovered: list[int] = []
    group = await polled(line, *BULK, recovered=recovered)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line) and recovered)
        line.simulator.faults.remove(fault.number)
        await eventually(lambda: len(recovered) > 1)
    assert {gap.tag for gap in await line.journal.gaps() if gap.reason == "more than a look reads"} == {
        group.numbers[0]
    }


class _ArchiveRefused:
    """Lets the archive of one stream be refused, whoever asks with it."""

    def __init__(self, line: Line, web_id: str, status: int) -> None:
        self.is_refusing = True
        request = line.simulator.faults.request

        def refuse(method: str, path: str) -> Fault | None:
            if self.is_refusing and "/recorded" in path and web_id in path:
                return parse(f"status={status}", 0, 0)
            return request(method, path)

        line.simulator.faults.request = refuse  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [409, 501])
async def test_what_has_no_history_is_read_by_its_value_alone(line: Line, status: int) -> None:
    """A formula whose archive PI does not have: each present value is told, and nothing more is owed."""
    group = await polled(line, QUIET, *BULK)
    _ArchiveRefused(line, group.tags[group.numbers[0]].web_id, status)
    line.write(-1, 0.0)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        for second in (1, 2):
            line.clock.advance(1)
            line.write(0, float(second))

            async def is_told(value: float = float(second)) -> bool:
                return value in await line.values(group.numbers[0])

            await eventually(is_told)
        assert await line.values(group.numbers[0]) == [0.0, 1.0, 2.0]
        assert all(gap.end_ticks is not None for gap in await line.journal.gaps())


async def test_an_archive_that_fails_leaves_a_debt(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The present value is told, what lies before it is owed; when the archive answers again the gap has its end."""
    monkeypatch.setattr(poll_module, "_FAILED_AGAIN_S", 0.05)
    group = await polled(line, QUIET, *BULK)
    refusal = _ArchiveRefused(line, group.tags[group.numbers[0]].web_id, 404)
    line.write(-9, 0.0)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        line.write(-3, 1.0)
        line.write(-2, 2.0)
        await eventually(lambda: (last := line.journal.last(group.numbers[0])) and last.value == 2.0)

        async def open_gaps() -> set[int]:
            return {gap.tag for gap in await line.journal.gaps() if gap.end_ticks is None}

        assert await open_gaps() == {group.numbers[0]}
        refusal.is_refusing = False
        line.clock.advance(1)
        line.write(0, 3.0)
        await eventually(lambda: (last := line.journal.last(group.numbers[0])) and last.value == 3.0)
        await group.looks(10)
        line.clock.advance(1)
        line.write(0, 4.0)

        async def is_ended() -> bool:
            return not await open_gaps()

        await eventually(is_ended)


CAPACITY = r"\\AF1\Plant\Area1\R1|Capacity"


async def static(line: Line) -> Polled:
    """Give a static attribute, polled."""
    identity = next(each.identity for each in line.simulator.plant.tree.attributes() if each.path == CAPACITY)
    web_id = encode(identity, WebIdType.ID_ONLY)
    tag = Tag(stream="s", mode=Mode.REALTIME, name="Capacity", path=CAPACITY, web_id=web_id, static=True)
    (number,) = await line.journal.describe([tag])
    tags = {number: tag}
    return Polled(line, tags, Poll(await line.reception(tags), 0.01, lambda _: None, static=tags))


async def test_a_static_attribute_is_told_when_it_changes(line: Line) -> None:
    """Its value comes once, then each other value as an update at PI's own time; a restart repeats nothing."""
    group = await static(line)
    attribute = next(each for each in line.simulator.plant.tree.attributes() if each.path == CAPACITY)
    first = attribute.static
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        await group.looks(5)
        object.__setattr__(attribute, "static", 77.0)
        await eventually(lambda: (last := line.journal.last(group.numbers[0])) and last.value == 77.0)
        object.__setattr__(attribute, "static", first)
        await eventually(lambda: (last := line.journal.last(group.numbers[0])) and last.value == first)
    again = await static(line)
    async with running(again.poll.run()):
        await eventually(lambda: is_open(line))
        await again.looks(5)
    events = await line.events(group.numbers)
    assert [(event.ticks, event.value, event.status) for event in events] == [
        (0, first, 0),
        (0, 77.0, UPDATE),
        (0, first, UPDATE),
    ]


async def test_a_static_attribute_owes_nothing(line: Line) -> None:
    """PI goes away and comes back: no gap is written down for what has no history."""
    group = await static(line)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        await line.simulator.kill()
        await eventually(lambda: not is_open(line))
        assert await line.owes_nothing()
        await line.simulator.start()
        await eventually(lambda: is_open(line))


async def test_of_mode_recorded_the_present_value_waits(sparing: Line) -> None:
    """What compression kept is told when a newer value is there, in order; what it discarded never."""
    line = sparing
    group = await polled(line, *BULK, mode=Mode.RECORDED)
    plant, now = line.simulator.plant, line.clock.ticks
    start = min(plant.current(plant.point(name), now).ticks for name in BULK)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        for seconds in (0.4, 1, 7, 60, 0.3, 2):
            line.clock.advance(seconds)
            owed = line.archived(BULK, line.clock.ticks - round(seconds * SECOND))

            async def all_told(owed: Any = owed) -> bool:
                return not owed - await line.told()

            await eventually(all_told)
            await group.looks(4)
            assert not await line.told() - line.archived(BULK, start), "provisional values are held back"
    discarded = line.truth(BULK, start) - line.archived(BULK, start)
    assert len(discarded) > 20


async def test_of_mode_recorded_a_failing_archive_is_read_on_later(sparing: Line) -> None:
    """Nothing is told in its place, and the next look begins where this one began."""
    line = sparing
    group = await polled(line, *BULK, mode=Mode.RECORDED)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        start = line.clock.ticks + 1
        fault = line.simulator.faults.add(f"stream-error@tag={BULK[0]}")
        line.clock.advance(5)
        await group.looks(6)
        line.simulator.faults.remove(fault.number)
        line.clock.advance(20)

        async def all_told() -> bool:
            return not line.archived(BULK, start) - await line.told()

        await eventually(all_told)


async def test_of_mode_recorded_a_tag_without_archive_is_set_aside(line: Line) -> None:
    """There is nothing that could be read of it."""
    aside: dict[int, PIBridgeError] = {}
    group = await polled(line, QUIET, *BULK, mode=Mode.RECORDED, aside=aside)
    _ArchiveRefused(line, group.tags[group.numbers[0]].web_id, 409)
    async with running(group.poll.run()):
        await eventually(lambda: is_open(line))
        line.write(0, 1.0)
        await eventually(lambda: list(aside) == [group.numbers[0]])
    assert DELETE not in {event.status for event in await line.events()}
