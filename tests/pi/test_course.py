from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intake.lines import QUIET, SECOND, Line, opened, path, plant_settings
from pi.canned import CannedServer, client_of, said
from pibridge.errors import PIBridgeError, RejectedError
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.course import Course, courses, find_stream


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant that archives all, and takes two values in one answer."""
    async with opened(tmp_path, plant_settings(), limits={"items_per_request": 4}) as ready:
        yield ready


def values(course: Course | PIBridgeError) -> list[object]:
    """Give the values of a course."""
    assert not isinstance(course, PIBridgeError), course
    return [value.value for _, value in course]


async def test_it_begins_with_the_value_that_held_at_the_start(line: Line) -> None:
    """However long before; then come all values of the time, also where one answer cannot hold them."""
    web_id = await find_stream(line.client, path(QUIET))
    for second in range(-20, 0):
        line.write(second, second)
    start = line.clock.ticks - 10 * SECOND - 1
    course = await courses(line.client, [web_id], start, line.clock.ticks, from_before=True)
    assert values(course[web_id]) == list(range(-11, 0))
    course = await courses(line.client, [web_id], start, line.clock.ticks, from_before=False)
    assert values(course[web_id]) == list(range(-10, 0))


async def test_a_stream_that_never_said_anything_has_an_empty_course(line: Line) -> None:
    """Before its first value nothing held."""
    web_id = await find_stream(line.client, path(QUIET))
    course = await courses(line.client, [web_id], 0, 10 * SECOND, from_before=True)
    assert values(course[web_id]) == []


async def test_an_attribute_is_a_stream_too(line: Line) -> None:
    """It is found by its path, and says what its point says."""
    attribute = await find_stream(line.client, r"\\AF1\Plant\Area9\R9|BatchID")
    point = await find_stream(line.client, r"\\PISRV1\R9.BatchID")
    start = line.clock.ticks - 3600 * SECOND
    found = await courses(line.client, [attribute, point], start, line.clock.ticks, from_before=True)
    assert values(found[attribute]) == values(found[point]) != []


async def test_what_is_not_there_is_rejected(line: Line) -> None:
    """With PI's own word."""
    with pytest.raises(RejectedError, match=r"NO\.Such"):
        await find_stream(line.client, r"\\PISRV1\NO.Such")


async def test_a_snapshot_that_is_not_recorded_counts(server: CannedServer, client: PiClient) -> None:
    """A server may leave the present value out of what it calls recorded."""
    times = [ticks.render(second * SECOND) for second in (1, 2)]
    value = [{"Timestamp": time, "Value": number} for number, time in enumerate(times)]
    server.on("/streamsets/recorded", said({"Items": [{"WebId": "P1", "Items": value[:1]}]}))
    server.on("/streamsets/value", said({"Items": [{"WebId": "P1", "Value": value[1]}]}))
    async with client_of(server):
        course = await courses(client, ["P1"], 0, 10 * SECOND, from_before=False)
    assert values(course["P1"]) == [0, 1]
