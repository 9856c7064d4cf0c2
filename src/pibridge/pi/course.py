"""What streams said over a time: the value that held at its start, all that came since, and the present one."""

from collections.abc import Sequence
from typing import Final

from pibridge.errors import PIBridgeError
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.outcomes import Outcomes
from pibridge.pi.recorded import Page, recorded, values, values_at
from pibridge.pi.webid import identity
from pibridge.pi.wire import Answer, Reader, TimedValue


class Named(Answer, rename="pascal"):
    """Any object, of which only the WebID counts."""

    web_id: str


Course = list[tuple[int, TimedValue]]
"""Times and values, ascending."""

_read_stream: Final = Reader(Named)


async def courses(
    client: PiClient, web_ids: Sequence[str], start_ticks: int, end_ticks: int, *, from_before: bool
) -> Outcomes[Course]:
    """Read what each stream said from `start_ticks` to `end_ticks`, both included.

    `from_before`: with the value that held at the start, if there is one. Raises UnavailableError, UnauthorizedError.
    """
    outcomes: Outcomes[Course] = await _archived(client, web_ids, start_ticks, end_ticks)
    # The snapshot may be left out of what is recorded.
    present = await values(client, web_ids)
    before = await values_at(client, web_ids, start_ticks) if from_before else {}
    for web_id, course in outcomes.items():
        if isinstance(course, PIBridgeError):
            continue
        early, late = before.get(web_id), present[web_id]
        if isinstance(early, TimedValue) and (moment := _time_of(early)) is not None and moment < start_ticks:
            course.insert(0, (moment, early))
        last = course[-1][0] if course else start_ticks - 1
        if isinstance(late, TimedValue) and (moment := _time_of(late)) is not None and last < moment <= end_ticks:
            course.append((moment, late))
    return outcomes


async def find_stream(client: PiClient, path: str) -> str:
    """Give the WebID of the point or AF attribute (with `|`) of this path. Raises RejectedError: there is none."""
    where = "/attributes" if "|" in path else "/points"
    found = await client.get(where, [("path", path), ("webIdType", "IDOnly")], _read_stream)
    return identity(found.web_id)


async def _archived(client: PiClient, web_ids: Sequence[str], start_ticks: int, end_ticks: int) -> Outcomes[Course]:
    most = max(2, client.settings.limits.items_per_request // max(1, len(web_ids)))
    pages = await recorded(client, web_ids, start_ticks, end_ticks, most)
    is_whole = not any(isinstance(page, Page) and page.full for page in pages.values())
    if is_whole or start_ticks >= end_ticks:
        return {
            web_id: list(zip(page.ticks, page.values, strict=True)) if isinstance(page, Page) else page
            for web_id, page in pages.items()
        }
    middle = (start_ticks + end_ticks) // 2
    first = await _archived(client, web_ids, start_ticks, middle)
    second = await _archived(client, web_ids, middle + 1, end_ticks)
    return {web_id: _joined(first[web_id], second[web_id]) for web_id in web_ids}


def _joined(first: Course | PIBridgeError, second: Course | PIBridgeError) -> Course | PIBridgeError:
    if isinstance(first, PIBridgeError):
        return first
    return second if isinstance(second, PIBridgeError) else first + second


def _time_of(value: TimedValue) -> int | None:
    try:
        return ticks.parse(value.timestamp)
    except ValueError:
        return None  # says nothing
