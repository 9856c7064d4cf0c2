"""Reading what PI makes of streams at even instants, many streams in one call.

PI interpolates between good numbers; steps, states and texts hold until the next. Each stream that was asked for has
exactly one outcome: a value for every instant, or the error that stands in their way.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from pibridge.errors import PIBridgeError, TooMuchError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.client import Params, PiClient
from pibridge.pi.outcomes import Outcomes, in_halves, matched
from pibridge.pi.url_groups import url_groups
from pibridge.pi.wire import Items, Reader, StreamItem, TimedValue

GRID_TICKS: Final = -(-ticks.PER_SECOND // 65536)
"""PI keeps time in steps of 1/65536 s: an instant between two steps comes back as one of them."""

_TIMES_PER_CALL: Final = 50
_read: Final = Reader(Items[StreamItem])


async def interpolated(client: PiClient, web_ids: Sequence[str], instants: Sequence[int]) -> Outcomes[list[TimedValue]]:
    """Read the value of each stream at each of the even instants (ticks, ascending), in their order.

    More than PI gives in one answer is asked for in halves. A stream whose answer lacks instants, also when these were
    named one by one, fails. Raises UnavailableError and UnauthorizedError (401).
    """

    async def ask(group: Sequence[str]) -> Outcomes[list[TimedValue]] | None:
        # A range of no length is nothing that PI promises to answer.
        params = _times(instants) if len(instants) == 1 else _range(instants)
        try:
            answers = await _ask(client, group, params)
        except TooMuchError as error:
            if len(instants) > 1:
                return await _in_two(client, group, instants)
            return {group[0]: error} if len(group) == 1 else None
        return await _completed(client, answers, instants)

    streams_per_call = max(1, client.settings.limits.items_per_request // len(instants))
    outcomes: Outcomes[list[TimedValue]] = {}
    for group in url_groups(web_ids, "webId", client.url_bytes, most=streams_per_call):
        outcomes |= await in_halves(group, ask)
    return outcomes


async def _ask(client: PiClient, group: Sequence[str], params: Params) -> Outcomes[StreamItem]:
    what = "interpolatedattimes" if params[0][0] == "time" else "interpolated"
    streams = [("webIdType", "IDOnly"), *(("webId", web_id) for web_id in group)]
    return matched(group, (await client.get(f"/streamsets/{what}", [*params, *streams], _read)).items)


async def _in_two(client: PiClient, group: Sequence[str], instants: Sequence[int]) -> Outcomes[list[TimedValue]]:
    middle = len(instants) // 2
    earlier = await interpolated(client, group, instants[:middle])
    later = await interpolated(client, group, instants[middle:])
    return {web_id: _joined(earlier[web_id], later[web_id]) for web_id in group}


def _joined(
    earlier: list[TimedValue] | PIBridgeError, later: list[TimedValue] | PIBridgeError
) -> list[TimedValue] | PIBridgeError:
    if isinstance(earlier, PIBridgeError):
        return earlier
    return later if isinstance(later, PIBridgeError) else earlier + later


async def _completed(
    client: PiClient, answers: Outcomes[StreamItem], instants: Sequence[int]
) -> Outcomes[list[TimedValue]]:
    """Put the values at their instants; what an answer lacks is asked for by its time."""
    failed = {web_id: answer for web_id, answer in answers.items() if isinstance(answer, PIBridgeError)}
    found = {
        web_id: _placed(answer, instants) for web_id, answer in answers.items() if not isinstance(answer, PIBridgeError)
    }
    lacking = {web_id: missing for web_id, values in found.items() if (missing := _missing(values, instants))}
    if lacking and len(instants) > 1:
        times = sorted(set().union(*lacking.values()))
        for start in range(0, len(times), _TIMES_PER_CALL):
            some = times[start : start + _TIMES_PER_CALL]
            for web_id, answer in (await _ask(client, list(lacking), _times(some))).items():
                if isinstance(answer, PIBridgeError):
                    failed[web_id] = answer
                else:
                    found[web_id] |= _placed(answer, some)
    outcomes: Outcomes[list[TimedValue]] = {}
    for web_id in answers:
        if web_id in failed:
            outcomes[web_id] = failed[web_id]
        elif missing := _missing(found[web_id], instants):
            outcomes[web_id] = UnavailableError(
                f"PI left out {len(missing)} of {len(instants)} instants, the first {ticks.render(missing[0])}"
            )
        else:
            outcomes[web_id] = [found[web_id][instant] for instant in instants]
    return outcomes


def _placed(answer: StreamItem, instants: Sequence[int]) -> dict[int, TimedValue]:
    """Give the values that stand at one of the instants; what PI gives beside them is nothing that was asked for."""
    placed: dict[int, TimedValue] = {}
    for value in answer.items:
        try:
            moment = ticks.parse(value.timestamp)
        except ValueError:
            continue
        place = bisect_left(instants, moment - GRID_TICKS)
        if place < len(instants) and instants[place] <= moment + GRID_TICKS:
            placed.setdefault(instants[place], value)
    return placed


def _missing(values: Mapping[int, TimedValue], instants: Sequence[int]) -> list[int]:
    return [instant for instant in instants if instant not in values]


def _times(instants: Sequence[int]) -> Params:
    return [("time", ticks.render(instant)) for instant in instants]


def _range(instants: Sequence[int]) -> Params:
    return [
        ("startTime", ticks.render(instants[0])),
        ("endTime", ticks.render(instants[-1])),
        ("interval", _seconds(instants[1] - instants[0])),
    ]


def _seconds(span_ticks: int) -> str:
    """Give a span as PI reads it: seconds, which no daylight saving stretches."""
    whole, fraction = divmod(span_ticks, ticks.PER_SECOND)
    return f"{whole}.{fraction:07d}".rstrip("0").rstrip(".") + "s"
