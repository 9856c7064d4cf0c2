"""Reading PI's archive and present values, many streams in one call.

Each stream that was asked for has exactly one outcome: its values, or the error that stands in their way. What PI
leaves out of an answer is an error, never "no data". When PI refuses a call for many streams because of one of them,
the call is halved until the culprit stands alone.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from pibridge.errors import PIBridgeError, RejectedError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.answers import UNAUTHORIZED
from pibridge.pi.client import Params, PiClient
from pibridge.pi.url_groups import url_groups
from pibridge.pi.webid import identity
from pibridge.pi.wire import Items, Reader, StreamItem, StreamValue, TimedValue

T = TypeVar("T")
S = TypeVar("S", StreamItem, StreamValue)
Outcomes = dict[str, T | PIBridgeError]
Ask = Callable[[Sequence[str]], Awaitable[Outcomes[T] | None]]
"""Reads a group of streams. None: the answer leaves open which of them are whole; ask for fewer together."""

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
        # Whether PI counts for each stream or for all together is not documented.
        if len(group) > 1 and sum(len(item.items) for item in answer.items) == max_count:
            return None
        return {
            web_id: item if isinstance(item, PIBridgeError) else _page(item, max_count)
            for web_id, item in _matched(group, answer.items).items()
        }

    streams_per_call = max(1, client.settings.limits.items_per_request // max_count)
    outcomes: Outcomes[Page] = {}
    for group in url_groups(web_ids, "webId", most=streams_per_call):
        outcomes |= await _in_halves(group, ask)
    return outcomes


async def values(client: PiClient, web_ids: Sequence[str]) -> Outcomes[TimedValue]:
    """Read the present value of each stream. Raises UnavailableError and UnauthorizedError (401)."""

    async def ask(group: Sequence[str]) -> Outcomes[TimedValue]:
        answer = await client.get("/streamsets/value", _streams(group), _read_values)
        return {
            web_id: item if isinstance(item, PIBridgeError) else item.value or _missing()
            for web_id, item in _matched(group, answer.items).items()
        }

    outcomes: Outcomes[TimedValue] = {}
    for group in url_groups(web_ids, "webId"):
        outcomes |= await _in_halves(group, ask)
    return outcomes


async def _in_halves(group: Sequence[str], ask: Ask[T]) -> Outcomes[T]:
    """Ask for all; where that does not do, ask for halves, down to the one stream that is refused by itself."""
    try:
        outcomes = await ask(group)
    except TooMuchError:
        raise
    except (RejectedError, UnauthorizedError) as error:
        if error.status == UNAUTHORIZED:
            raise
        if len(group) == 1:
            return {group[0]: error}
        outcomes = None
    if outcomes is not None:
        return outcomes
    middle = len(group) // 2
    return await _in_halves(group[:middle], ask) | await _in_halves(group[middle:], ask)


def _streams(group: Sequence[str]) -> Params:
    return [("webIdType", "IDOnly"), *(("webId", web_id) for web_id in group)]


def _matched(group: Sequence[str], items: Sequence[S]) -> Outcomes[S]:
    """Give each web id that was asked for its part of the answer, whatever the order and form of the answer's ids."""
    by_identity = {identity(item.web_id): item for item in items}
    matched: Outcomes[S] = {}
    for web_id in group:
        item = by_identity.get(identity(web_id))
        matched[web_id] = _missing() if item is None else item.problem() or item
    return matched


def _missing() -> PIBridgeError:
    return UnavailableError("PI left the stream out of its answer")


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
