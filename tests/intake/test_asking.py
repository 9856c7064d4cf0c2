import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from intake.archivists import BULK, LONG_S, Archivist, judge
from intake.lines import QUIET, Line, opened, plant_settings
from pibridge.intake import asking as asking_module
from pibridge.pi.recorded import recorded
from waiting import eventually, running

MANY = [*BULK, QUIET, "SINUSOID", "SINUSOIDU"]
ONE_EACH = 100
"""So few items in an answer that each tag is asked for by itself."""


class Crowd:
    """Counts how many requests are under way at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.most = self.all = 0

        async def counted(*given: Any) -> Any:
            with self._one_more():
                return await recorded(*given)

        monkeypatch.setattr(asking_module, "recorded", counted)

    @contextmanager
    def _one_more(self) -> Any:
        self.now += 1
        self.all += 1
        self.most = max(self.most, self.now)
        try:
            yield
        finally:
            self.now -= 1


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant and an empty journal."""
    async with opened(tmp_path, plant_settings(), limits={"concurrent_requests": 4}) as ready:
        yield ready


async def test_pi_is_asked_for_the_next_while_an_answer_is_compared(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the requests that are allowed at a time is left to others; nothing is lost or told twice by it."""
    crowd = Crowd(monkeypatch)
    archivist = Archivist(line, items=ONE_EACH)
    await archivist.owe(MANY, -LONG_S)
    await archivist.pay()
    await judge(line, MANY, -LONG_S)
    assert (crowd.most, crowd.now) == (3, 0)
    assert crowd.all > len(MANY)


async def test_nothing_is_asked_any_more_when_history_has_stopped(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that are under way are given up."""
    crowd = Crowd(monkeypatch)
    line.simulator.faults.add("slow=30@path=recorded")
    archivist = Archivist(line, items=ONE_EACH)
    await archivist.owe(MANY, -LONG_S)
    async with running(archivist.history.run()):
        await eventually(lambda: crowd.now == 3)
    await eventually(lambda: crowd.now == 0)


async def test_a_gap_that_is_no_longer_owed_is_not_paid_by_an_answer_under_way(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tag is read no longer: the others are paid, and it waits on disk."""
    gate = asyncio.Event()

    async def after_the_gate(*given: Any) -> Any:
        answer = await recorded(*given)
        await gate.wait()
        return answer

    monkeypatch.setattr(asking_module, "recorded", after_the_gate)
    archivist = Archivist(line)
    await archivist.owe(BULK, -LONG_S)
    async with running(archivist.history.run()):
        await eventually(lambda: archivist.history._ahead)
        archivist.catalogue.remove(archivist.numbers[:1])
        gate.set()
        await eventually(lambda: line.counters.history.paid == len(BULK) - 1)
    assert [gap.tag for gap in await line.journal.gaps()] == archivist.numbers[:1]
    assert {event.tag for event in await line.events()} == set(archivist.numbers[1:])


async def test_two_tags_of_one_point_are_paid_one_after_the_other(line: Line) -> None:
    """Such as one point in two streams: a request has it once."""
    archivist = Archivist(line)
    await archivist.owe(BULK[:2], -LONG_S)
    one, other = (archivist.catalogue.tag(number) for number in archivist.numbers)
    archivist.catalogue.add({archivist.numbers[1]: replace(other, web_id=one.web_id)})
    await archivist.pay()
    told = [[(event.ticks, event.value) for event in await line.events([number])] for number in archivist.numbers]
    assert told[0] == told[1] != []


@pytest.mark.parametrize("together", [26, 37, 40])
async def test_many_events_of_one_time_are_read_up_to_the_limit_of_the_server(tmp_path: Path, together: int) -> None:
    """What PI gives in one answer is found closely before anything is left out."""
    async with opened(tmp_path, plant_settings(max_items_per_call=41)) as line:
        for value in range(together):
            line.write(-60, float(value))
        line.write(-50, 99.0)
        archivist = Archivist(line, items=100)
        await archivist.owe([QUIET, *BULK], -LONG_S)
        await archivist.pay()
        await judge(line, [QUIET, *BULK], -LONG_S)
        assert line.counters.history.left_out == 0
