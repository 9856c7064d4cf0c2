"""Reading PI's archive and present values, many streams in one call.

Each stream that was asked for has exactly one outcome: its values, or the error that stands in their way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pibridge.errors import PIBridgeError, RejectedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.answers import CONFLICT, NOT_IMPLEMENTED
from pibridge.pi.client import Params, PiClient
from pibridge.pi.outcomes import Outcomes, in_halves, left_out, matched
from pibridge.pi.url_groups import url_groups
from pibridge.pi.wire import Items, Reader, StreamItem, StreamValue, TimedValue

_read_recorded: Final = Reader(Items[StreamItem])
_read_values: Final = Reader(Items[StreamValue])


@dataclass(frozen=True)
class Page:
    """Recorded values of one stream in ascending time. `ticks`: the time of each.

    `full`: there may be more at and after the last time. A page that is not full reaches to the end that was asked for.
    A value may hold an error of its own, `TimedValue.error()`.
    """

    values: list[TimedValue]
    ticks: list[int]
    full: bool


async def recorded(
    client: PiClient, web_ids: Sequence[str], start_ticks: int, end_ticks: int, max_count: int
) -> Outcomes[Page]:
    """Read what the archive holds from `start_ticks` to `end_ticks`, both included, up to `max_count` values a stream.

    Raises UnavailableError, UnauthorizedError (401), and TooMuchError if PI gives no `max_count` values in one answer.
    """
    period = [
        ("startTime", ticks.render(start_ticks)),
        ("endTime", ticks.render(end_ticks)),
        ("boundaryType", "Inside"),
        ("maxCount", str(max_count)),
    ]

    async def ask(group: Sequence[str]) -> Outcomes[Page] | None:
        answer = await client.get("/streamsets/recorded", [*period, *_streams(group)], _read_recorded)
        # Whether PI counts for each stream or for all together is not documented, nor what a failed one counts for.
        is_open = sum(len(item.items) for item in answer.items) == max_count
        if len(group) > 1 and (is_open or any(item.problem() for item in answer.items)):
            return None
        return {
            web_id: item if isinstance(item, PIBridgeError) else _page(item, max_count)
            for web_id, item in matched(group, answer.items).items()
        }

    streams_per_call = max(1, client.settings.limits.items_per_request // max_count)
    outcomes: Outcomes[Page] = {}
    for group in url_groups(web_ids, "webId", client.url_bytes, most=streams_per_call):
        outcomes |= await in_halves(group, ask)
    return outcomes


async def values(client: PiClient, web_ids: Sequence[str]) -> Outcomes[TimedValue]:
    """Read the present value of each stream. Raises UnavailableError and UnauthorizedError (401)."""
    return await _one_each(client, "/streamsets/value", (), web_ids)


async def values_at(client: PiClient, web_ids: Sequence[str], moment_ticks: int) -> Outcomes[TimedValue]:
    """Read the last recorded value of each stream at or before a time. Raises as `values`."""
    moment = [("time", ticks.render(moment_ticks)), ("retrievalMode", "AtOrBefore")]
    return await _one_each(client, "/streamsets/recordedattime", moment, web_ids)


async def _one_each(client: PiClient, path: str, params: Params, web_ids: Sequence[str]) -> Outcomes[TimedValue]:
    async def ask(group: Sequence[str]) -> Outcomes[TimedValue]:
        answer = await client.get(path, [*params, *_streams(group)], _read_values)
        return {
            web_id: item if isinstance(item, PIBridgeError) else item.value or left_out()
            for web_id, item in matched(group, answer.items).items()
        }

    outcomes: Outcomes[TimedValue] = {}
    for group in url_groups(web_ids, "webId", client.url_bytes):
        outcomes |= await in_halves(group, ask)
    return outcomes


def has_no_history(error: PIBridgeError) -> bool:
    """Tell whether PI says that there is no archive of the stream: its data reference gives present values only."""
    return isinstance(error, RejectedError) and error.status in {CONFLICT, NOT_IMPLEMENTED}


def _streams(group: Sequence[str]) -> Params:
    return [("webIdType", "IDOnly"), *(("webId", web_id) for web_id in group)]


def _page(item: StreamItem, max_count: int) -> Page | PIBridgeError:
    values = item.items
    try:
        times = [ticks.parse(value.timestamp) for value in values]
    except ValueError as error:
        return UnavailableError(f"PI sent a value of {item.path or item.web_id} with a time that is none: {error}")
    if any(later < earlier for earlier, later in pairwise(times)):
        order = sorted(range(len(times)), key=times.__getitem__)
        values = [values[index] for index in order]
        times = [times[index] for index in order]
    return Page(values, times, full=len(values) >= max_count)
