import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from pibridge.errors import JournalFullError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import Arrived
from pibridge.intake.pages import MARGIN_TICKS
from pibridge.intake.reception import AHEAD_TICKS, heard_until, missed, newest
from pibridge.model.event import Event
from waiting import running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant, a journal, and what stands between them."""
    async with opened(tmp_path, plant_settings(), journal={"max_size": "16MiB"}) as found:
        yield found


async def test_an_end_is_a_gap_and_a_beginning_ends_it(line: Line) -> None:
    """From 10 s before the last event to ten minutes ahead of PI's clock; the counters follow."""
    tags = await line.describe(QUIET)
    (number,) = tags
    ended: list[int] = []
    reception = await line.reception(tags, lambda: ended.append(1))
    async with reception.session():
        await reception.begin()
        await reception.write(Arrived([Event(number, line.clock.ticks, 1.0)], [], []))
        raise UnavailableError("gone")
    (gap,) = await line.journal.gaps()
    assert (gap.start_ticks, gap.end_ticks, gap.reason) == (line.clock.ticks - MARGIN_TICKS, None, "gone")
    await reception.begin()
    (gap,) = await line.journal.gaps()
    assert gap.end_ticks is not None
    assert abs(gap.end_ticks - (line.clock.ticks + AHEAD_TICKS)) < 60 * SECOND
    counters = line.counters.stream("s")
    assert (counters.channels_open, counters.reconnects, len(ended), counters.last_error) == (1, 1, 2, "")


async def test_what_pi_wants_read_again_is_owed_from_that_time(line: Line) -> None:
    """Earlier than the last event if PI says so; it is recoverable at once."""
    tags = await line.describe(QUIET)
    (number,) = tags
    reception = await line.reception(tags)
    await reception.write(Arrived([Event(number, line.clock.ticks, 1.0)], [], []))
    await reception.recover([number], "again", line.clock.ticks - 100 * SECOND)
    (gap,) = await line.journal.gaps()
    assert gap.start_ticks == line.clock.ticks - 100 * SECOND
    assert gap.end_ticks is not None


async def test_tags_are_behind_when_pi_has_newer_values(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value counts once it had time to arrive; a server that does not answer proves nothing."""
    monkeypatch.setattr("pibridge.intake.reception._GRACE_S", 0)  # no value is under way here
    tags = await line.describe(QUIET)
    (number,) = tags
    reception = await line.reception(tags)
    line.write(0, 1.0)
    assert await reception.behind() == [number]
    await reception.write(Arrived([Event(number, line.clock.ticks, 1.0)], [], []))
    await line.journal.flush()
    assert await reception.behind() == []
    line.write(1, 2.0)
    line.clock.advance(2)
    line.simulator.faults.add("status=503")
    assert await reception.behind() == []


async def test_a_refusal_ends_it_and_anything_else_is_tried_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """403 for these tags alone is a refusal; what is unavailable comes back."""
    monkeypatch.setattr("pibridge.intake.reception._FIRST_PAUSE_S", 0)  # nobody waits here
    reception = await line.reception(await line.describe(QUIET))
    outcomes = [UnavailableError("later"), None, JournalFullError("full"), UnauthorizedError("no", status=403)]
    told = []

    async def session() -> None:
        outcome = outcomes.pop(0)
        told.append(outcome)
        if outcome is not None:
            raise outcome

    async with running():
        error = await reception.keep(session)
    assert error is told[-1]
    assert outcomes == []


async def test_a_full_journal_takes_nothing(line: Line) -> None:
    """Nobody connects only to be turned away."""
    reception = await line.reception(await line.describe(QUIET))
    await line.fill()
    with pytest.raises(JournalFullError):
        async with reception.session():
            raise AssertionError("a session began")


async def test_gaps_may_end_before_now_and_time_may_be_left_to_history(line: Line) -> None:
    """What is sampled is missing up to a certain instant."""
    tags = await line.describe(QUIET)
    (number,) = tags
    done: list[int] = []
    reception = await line.reception(tags, lambda: done.append(1))
    await reception.write(Arrived([Event(number, line.clock.ticks, 1.0)], [], []))
    await reception.miss([number], "failed")
    await reception.caught_up([number], line.clock.ticks + 7)
    await reception.leave([number], line.clock.ticks + 10, line.clock.ticks + 20, "behind")
    ended = [(gap.end_ticks, gap.reason) for gap in await line.journal.gaps()]
    assert ended == [(line.clock.ticks + 7, "failed"), (line.clock.ticks + 20, "behind")]
    assert len(done) == 2


async def test_what_is_held_back_is_not_behind(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of mode recorded the journal lacks the present value, and that is right."""
    monkeypatch.setattr("pibridge.intake.reception._GRACE_S", 0)  # no value is under way here
    tags = await line.describe(QUIET)
    (number,) = tags
    reception = await line.reception(tags)
    line.write(0, 1.0)
    reception.arrivals.present[number] = Event(number, line.clock.ticks, 1.0)
    assert await reception.behind() == []
    line.clock.advance(1)
    line.write(0, 2.0)
    assert await reception.behind() == [number]


async def test_what_is_static_is_owed_nothing(line: Line) -> None:
    """It has no history that could be read."""
    (tag,) = (await line.describe(QUIET)).values()
    (number,) = await line.journal.describe([replace(tag, path="static", static=True)])
    await line.journal.join([number], 0)
    assert missed(line.journal, [number], "gone") == []


async def test_a_session_that_is_lost_at_once_again_and_again_is_opened_less_often(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may let every channel open and break it off; one that has lasted is followed at once."""
    reception = await line.reception(await line.describe(QUIET))
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    loop = asyncio.get_running_loop()
    ended = iter([0.0] * 9 + [60.0] + [0.0] * 3)

    async def session() -> None:
        lasts = next(ended, None)
        if lasts is None:
            raise RejectedError("no such point", status=404)
        async with reception.session():
            await reception.begin()
            monkeypatch.setattr(reception, "_begun_s", loop.time() - lasts)
            raise UnavailableError("gone")

    monkeypatch.setattr(reception, "_sleep", pause)
    await reception.keep(session)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5, 1]


async def test_a_gap_begins_where_the_tag_was_last_heard(line: Line) -> None:
    """An event ahead of PI's clock says nothing about what comes before it."""
    tags = await line.describe(*BULK)
    ahead, behind, fresh = tags
    now = line.clock.ticks
    await line.journal.join([fresh], now - 5)
    line.journal.append([Event(ahead, now + 300 * SECOND, 1.0), Event(behind, now - 300 * SECOND, 2.0)], now)
    assert heard_until(line.journal, ahead) == now
    assert heard_until(line.journal, behind) == now - 300 * SECOND
    assert heard_until(line.journal, fresh) == now - 5
    gaps = missed(line.journal, [ahead, fresh, 99], "why")
    assert [(gap.tag, gap.start_ticks, gap.reason) for gap in gaps] == [
        (ahead, now - MARGIN_TICKS, "why"),
        (fresh, now - 5 - MARGIN_TICKS, "why"),
    ]
    assert [event.value for event in newest(line.journal, list(tags))] == [1.0, 2.0]
