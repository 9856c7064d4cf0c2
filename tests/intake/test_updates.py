from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from pibridge.intake.updates import LiveUpdates
from pibridge.model.event import DELETE, SUBSTITUTED, UPDATE, Event
from pibridge.simulator.faults import Fault, Faults
from waiting import eventually, running

if TYPE_CHECKING:
    from pibridge.errors import PIBridgeError

BULK = ("BULK.000001", "BULK.000002", "BULK.000003")


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant, a journal, and what stands between them."""
    async with opened(tmp_path, plant_settings()) as found:
        yield found


async def updates(line: Line, *names: str, recovered: list[int] | None = None) -> tuple[LiveUpdates, dict[int, Any]]:
    """Give a group of tags heard by updates, and what was set aside of them."""
    tags = await line.describe(*names)
    aside: dict[int, PIBridgeError] = {}
    done = recovered if recovered is not None else []
    reception = await line.reception(tags, lambda: done.append(1))
    return LiveUpdates(reception, 0.02, aside.update), aside


def is_open(line: Line) -> bool:
    """Tell whether the tags are registered."""
    return line.counters.stream("s").channels_open == 1


async def test_what_is_new_is_journaled_once_and_in_order(line: Line) -> None:
    """The present values come first, then every event that PI adds."""
    group, aside = await updates(line, *BULK)
    start = line.clock.ticks + 1
    async with running(group.run()):
        await eventually(lambda: is_open(line))
        for _ in range(5):
            line.clock.advance(3)
            owed = line.truth(BULK, start)

            async def all_told(owed: Any = owed) -> bool:
                return not owed - await line.told()

            await eventually(all_told)
    told = {fact: count for fact, count in (await line.told()).items() if fact[1] >= start}
    assert told == owed
    assert aside == {}
    for number in (1, 2, 3):
        times = [event.ticks for event in await line.events([number])]
        assert times == sorted(times)


async def test_edits_and_deletions_keep_pis_own_word(line: Line) -> None:
    """A replaced value is an update, a removed one a deletion without value, each once."""
    group, _ = await updates(line, QUIET)
    async with running(group.run()):
        await eventually(lambda: is_open(line))
        line.write(-5, 1.0)
        await eventually(lambda: has(line, 1.0))
        line.simulator.plant.replace(QUIET, line.clock.ticks - 5 * SECOND, 2.0)
        await eventually(lambda: has(line, 2.0))
        line.simulator.plant.delete(QUIET, line.clock.ticks - 5 * SECOND)
        await eventually(lambda: last_is(line, DELETE))
    _, edited, removed = (await line.events())[-3:]
    assert (edited.value, edited.status & UPDATE, edited.ticks) == (2.0, UPDATE, line.clock.ticks - 5 * SECOND)
    assert removed == Event(edited.tag, edited.ticks, None, DELETE)


async def test_an_edit_may_put_the_first_value_back(line: Line) -> None:
    """What counts is what it replaces, not what the tag ever had."""
    group, _ = await updates(line, QUIET)
    async with running(group.run()):
        await eventually(lambda: is_open(line))
        line.write(0, 1.0)
        await eventually(lambda: has(line, 1.0))
        for number in (2.0, 1.0):
            line.simulator.plant.replace(QUIET, line.clock.ticks, number)
            await eventually(partial(last_value, line, number))
    assert [event.value for event in await line.events()][-3:] == [1.0, 2.0, 1.0]
    assert (await line.events())[-1].status & (UPDATE | SUBSTITUTED)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("lost-registrations@count=1", "not found"),
        ("signup-updated@count=1", "signup was updated"),
        ("signup-removed@count=1", "signup was removed"),
    ],
)
async def test_lost_registrations_are_made_again_and_their_gap_is_owed(line: Line, fault: str, reason: str) -> None:
    """PI forgets, or says that it does: PI's reason is told, the gap is on disk, has its end, and updates go on."""
    recovered: list[int] = []
    group, _ = await updates(line, *BULK, recovered=recovered)
    with capture_logs() as logs:
        await _loses(line, group, fault, recovered)
    assert [reason in line["error"] for line in logs if "error" in line] == [True]


async def _loses(line: Line, group: LiveUpdates, fault: str, recovered: list[int]) -> None:
    async with running(group.run()):
        await eventually(lambda: is_open(line) and recovered)
        before = len(recovered)
        lost = line.simulator.faults.add(fault)
        await eventually(lambda: lost.acted)
        await eventually(lambda: len(recovered) > before and is_open(line))
        assert any(gap.end_ticks is not None for gap in await line.journal.gaps())
        line.clock.advance(3)
        start, end = line.clock.ticks - 3 * SECOND + 1, line.clock.ticks

        async def goes_on() -> bool:
            return not line.truth(BULK, start, end) - await line.told()

        await eventually(goes_on)


async def test_a_tag_that_cannot_be_registered_is_set_aside(line: Line) -> None:
    """A formula may have no updates: it is not asked for without end, and the others neither wait nor begin anew."""
    line.simulator.faults.add(f"stream-error@tag={BULK[1]}")
    group, aside = await updates(line, *BULK)
    with capture_logs() as logs:
        async with running(group.run()):
            await eventually(lambda: is_open(line) and aside)
            start = line.clock.ticks + 1
            line.clock.advance(3)

            async def goes_on() -> bool:
                return not line.truth([BULK[0], BULK[2]], start) - await line.told()

            await eventually(goes_on)
    assert list(aside) == [2]
    assert "gives no updates" in str(aside[2])
    assert [line["lost"] for line in logs if "lost" in line] == [1]


async def test_a_group_that_cannot_be_registered_is_not_open(line: Line) -> None:
    """When none of its tags registers, it is tried again as a whole."""
    fault = line.simulator.faults.add(f"stream-error@tag={QUIET}")
    group, aside = await updates(line, QUIET)
    async with running(group.run()):
        await eventually(lambda: "gives no updates" in line.counters.stream("s").last_error)
        assert not is_open(line)
        line.simulator.faults.remove(fault.number)
        await eventually(lambda: is_open(line))
    assert aside == {}


class Between(Faults):
    """A value comes just before PI's present values are asked for, once."""

    def __init__(self, comes: Callable[[], None]) -> None:
        super().__init__()
        self.waiting = [comes]

    def request(self, method: str, path: str) -> Fault | None:
        """Let it come."""
        if "/streamsets/value" in path and self.waiting:
            self.waiting.pop()()
        return super().request(method, path)


async def test_what_updates_tell_a_little_later_is_not_missed(tmp_path: Path) -> None:
    """Present values may be ahead of the updates: these are asked for while that is looked into."""
    async with opened(tmp_path, plant_settings(), timeouts={"silent_channel": "500ms"}) as line:
        group, _ = await updates(line, QUIET)
        async with running(group.run()):
            await eventually(lambda: is_open(line))
            line.simulator.faults = Between(lambda: line.write(0, 7.0))
            await eventually(lambda: has(line, 7.0))
            asked = line.simulator.requests
            await eventually(lambda: line.simulator.requests > asked + 40)
        assert (line.counters.stream("s").silent, line.counters.stream("s").reconnects) == (0, 0)


async def test_a_restarted_server_is_asked_again(line: Line) -> None:
    """It knows no registration any more: everything since the last event is owed, and updates go on."""
    recovered: list[int] = []
    group, _ = await updates(line, QUIET, recovered=recovered)
    async with running(group.run()):
        await eventually(lambda: is_open(line) and recovered)
        await line.simulator.kill()
        await eventually(lambda: not is_open(line))
        assert [gap.end_ticks for gap in await line.journal.gaps()][-1] is None
        await line.simulator.start()
        await eventually(lambda: is_open(line) and len(recovered) > 1)
        line.write(0, 7.0)
        await eventually(lambda: has(line, 7.0))


async def has(line: Line, value: float) -> bool:
    """Tell whether the journal has this value."""
    return any(event.value == value for event in await line.events())


async def last_is(line: Line, bit: int) -> bool:
    """Tell whether the last event has this bit."""
    return bool((await line.events())[-1].status & bit)


async def last_value(line: Line, value: float) -> bool:
    """Tell whether the last event has this value."""
    return bool((await line.events())[-1].value == value)
