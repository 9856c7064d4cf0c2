from pathlib import Path

import pytest

from audit.benches import BULK, at
from intake.lines import QUIET, Line, opened, plant_settings
from pibridge.audit.archive import Archive
from pibridge.audit.comparing import Archived
from pibridge.errors import PIBridgeError, UnauthorizedError, UnavailableError
from pibridge.pi.recorded import has_no_history

REQUESTS = {"requests_per_second": 1000}


async def read(line: Line, *names: str, start_s: float = -600, end_s: float = 0) -> list[Archived | PIBridgeError]:
    """Read points from one time to another, in seconds from the plant's present; give what was found of each."""
    tags = await line.describe(*names)
    found = await Archive(line.client, no_rest).read(
        {number: tag.web_id for number, tag in tags.items()}, at(line, start_s), at(line, end_s)
    )
    return [found[number] for number in tags]


async def no_rest() -> None:
    """Take none."""


def times(found: Archived | PIBridgeError) -> list[int]:
    """Give the times of what was read."""
    assert isinstance(found, Archived), found
    return [event.ticks for event in found.events]


def truth(line: Line, name: str, start_s: float = -600, end_s: float = 0) -> list[int]:
    """Give the times of what the archive has."""
    plant, now = line.simulator.plant, line.clock.ticks
    return [sample.ticks for sample in plant.archive(name, at(line, start_s), at(line, end_s), now)]


@pytest.mark.parametrize("scope", ["stream", "total"])
@pytest.mark.parametrize("items", [100, 333, 50_000])
async def test_all_is_read_however_little_fits_into_an_answer(tmp_path: Path, items: int, scope: str) -> None:
    """Page by page, each value once and in order; whatever PI counts its limit for."""
    limits = {**REQUESTS, "items_per_request": items}
    async with opened(tmp_path, plant_settings(max_count_scope=scope), limits=limits) as line:
        found = await read(line, *BULK, "SINUSOID")
        for name, archived in zip([*BULK, "SINUSOID"], found, strict=True):
            assert times(archived) == truth(line, name)
            assert isinstance(archived, Archived)
            assert archived.since_ticks == at(line, -600)
        assert len(times(found[0])) > 500


async def test_a_server_that_gives_less_is_asked_for_less(tmp_path: Path) -> None:
    """It refuses what it thinks too much; all is read even so."""
    async with opened(tmp_path, plant_settings(max_items_per_call=120)) as line:
        found = await read(line, *BULK)
        assert [times(each) for each in found] == [truth(line, name) for name in BULK]


async def test_values_of_one_time_are_read_together(tmp_path: Path) -> None:
    """At the border of a page they are neither lost nor read twice; more than fit into an answer are an error."""
    async with opened(tmp_path, plant_settings(), limits={**REQUESTS, "items_per_request": 100}) as line:
        for second in (-400, -300, -200):
            for value in range(40):
                line.write(second, value)
        (found,) = await read(line, QUIET)
        assert isinstance(found, Archived)
        assert [event.value for event in found.events] == list(range(40)) * 3
        for value in range(40, 120):
            line.write(-300, value)
        (found, other) = await read(line, QUIET, BULK[0])
        assert isinstance(found, UnavailableError)
        assert "more values at one time" in str(found)
        assert times(other) == truth(line, BULK[0])


async def test_the_present_value_is_provisional(tmp_path: Path) -> None:
    """From its time on PI may still discard."""
    async with opened(tmp_path, plant_settings(compression=True)) as line:
        found, quiet = await read(line, BULK[0], QUIET)
        assert isinstance(found, Archived)
        assert found.provisional_ticks == found.events[-1].ticks
        assert isinstance(quiet, Archived)
        assert quiet.events == []
        assert quiet.provisional_ticks < at(line, -600)


async def test_what_pi_does_not_give_is_an_error_of_its_own(tmp_path: Path) -> None:
    """The archive or the present value of one: without the latter nobody knows what is final."""
    async with opened(tmp_path, plant_settings()) as line:
        fault = line.simulator.faults.add(f"stream-error@tag={BULK[1]}")
        refused, fine = await read(line, BULK[1], BULK[0])
        assert isinstance(refused, PIBridgeError)
        assert not has_no_history(refused)
        assert times(fine) == truth(line, BULK[0])
        line.simulator.faults.remove(fault.number)
        line.simulator.faults.add(f"stream-error@tag={BULK[1]},count=1")
        (unknown,) = await read(line, BULK[1])
        assert isinstance(unknown, PIBridgeError)


async def test_a_value_that_could_not_be_read_is_asked_for_again(tmp_path: Path) -> None:
    """An error that passes is no value of the archive."""
    async with opened(tmp_path, plant_settings()) as line:
        line.write(-300, 1.0)
        line.write(-200, 2.0)
        # The first is spent on the present value.
        line.simulator.faults.add(f"value-error@tag={QUIET},count=2")
        (found,) = await read(line, QUIET)
        assert isinstance(found, Archived)
        assert [(event.value, event.status) for event in found.events] == [(1.0, 0), (2.0, 0)]


async def test_one_point_under_two_numbers_is_asked_for_once(tmp_path: Path) -> None:
    """PI refuses what stands twice in a request; both get it."""
    async with opened(tmp_path, plant_settings()) as line:
        ((number, tag),) = (await line.describe(BULK[0])).items()
        archive = Archive(line.client, no_rest)
        asked = line.simulator.requests
        found = await archive.read({number: tag.web_id, 7: tag.web_id}, at(line, -60), at(line, 0))
        assert line.simulator.requests == asked + 2
        assert times(found[number]) == times(found[7]) == truth(line, BULK[0], -60)
        seventh = found[7]
        assert isinstance(seventh, Archived)
        assert {event.tag for event in seventh.events} == {7}


async def test_between_two_requests_there_is_rest(tmp_path: Path) -> None:
    """Before each one."""
    rests = 0

    async def rest() -> None:
        nonlocal rests
        rests += 1

    async with opened(tmp_path, plant_settings()) as line:
        tags = await line.describe(QUIET)
        archive = Archive(line.client, rest)
        asked = line.simulator.requests
        await archive.read({number: tag.web_id for number, tag in tags.items()}, at(line, -60), at(line, 0))
        assert await archive.is_compressed(next(iter(tags.values())).web_id) is False
        assert rests == line.simulator.requests - asked == 3


async def test_who_may_not_ask_at_all_is_told(tmp_path: Path) -> None:
    """It is about no single tag."""
    async with opened(tmp_path, plant_settings()) as line:
        tags = await line.describe(QUIET)
        line.simulator.faults.add("status=401@path=recorded")
        with pytest.raises((UnauthorizedError, UnavailableError)):
            await Archive(line.client, no_rest).read({1: tags[1].web_id}, at(line, -60), at(line, 0))
