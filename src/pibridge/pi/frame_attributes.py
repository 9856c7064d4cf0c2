"""The values of event frames' attributes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pibridge.context.meaning import NOT_NUMBERS, meaning
from pibridge.errors import RejectedError
from pibridge.model.event import BAD, Event
from pibridge.pi.client import PiClient
from pibridge.pi.each import each
from pibridge.pi.event_frames import FoundFrame
from pibridge.pi.url_groups import url_groups
from pibridge.pi.webid import identity
from pibridge.pi.wire import Items, Reader, StreamValue

_IDS: Final = ("webIdType", "IDOnly")
_NESTED_TOO: Final = ("searchFullHierarchy", "true")
_TOGETHER: Final = 100
_MOST: Final = 5000
_CONFLICT: Final = 409
"""What PI answers where there is nothing that could have a value."""

_read_values: Final = Reader(Items[StreamValue])


class FrameAttributes:
    """Reads them frame by frame, and those of unchanged frames many frames in a call."""

    def __init__(self, client: PiClient) -> None:
        self._client = client
        self._known: dict[str, tuple[FoundFrame, dict[str, str]]] = {}

    async def values(self, frames: Sequence[FoundFrame]) -> dict[str, dict[str, Any]]:
        """Give each frame's attributes by its WebID: name (`Outer|Inner` of a nested one) and proper value.

        A state is its name; None is what is bad, an error or nothing. Frames of which PI failed to tell are left out.
        Which attributes an unchanged frame has is not asked again from one call to the next. Raises UnavailableError,
        and UnauthorizedError (401).
        """
        known = {
            frame.web_id: last
            for frame in frames
            # One that had no attributes may just not have got them yet.
            if (last := self._known.get(frame.web_id)) is not None and last[0] == frame and last[1]
        }
        found = await self._again({web_id: names for web_id, (_, names) in known.items()})
        asks = {
            frame.web_id: (f"/streamsets/{frame.web_id}/value", [_IDS, _NESTED_TOO])
            for frame in frames
            if frame.web_id not in found
        }
        outcomes = await each(self._client, asks, _read_values)
        for frame in frames:
            outcome = outcomes.get(frame.web_id)
            if isinstance(outcome, Items) and all(map(_is_told, outcome.items)):
                known[frame.web_id] = frame, {identity(item.web_id): _name(item) for item in outcome.items}
                found[frame.web_id] = {_name(item): proper_value(item) for item in outcome.items}
            elif isinstance(outcome, RejectedError) and outcome.status == _CONFLICT:
                found[frame.web_id] = {}
        latest = sorted(known, key=lambda web_id: known[web_id][0].end_ticks, reverse=True)
        self._known = {web_id: known[web_id] for web_id in latest[:_MOST]}
        return found

    async def _again(self, frames: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
        """Read attributes that are known by WebID and name; frames of which any is not told are left out."""
        told: dict[str, StreamValue] = {}
        web_ids = (web_id for names in frames.values() for web_id in names)
        for group in url_groups(web_ids, "webId", self._client.url_bytes, most=_TOGETHER):
            try:
                answer = await self._client.get(
                    "/streamsets/value", [_IDS, *(("webId", web_id) for web_id in group)], _read_values
                )
            except RejectedError:
                continue
            told |= {identity(item.web_id): item for item in answer.items if _is_told(item)}
        return {
            frame: {name: proper_value(told[web_id]) for web_id, name in names.items()}
            for frame, names in frames.items()
            if names.keys() <= told.keys()
        }


def proper_value(item: StreamValue) -> Any:
    """Give the value of an attribute as records have it: a state by its name, None for what is bad or no value."""
    said = item.value
    if said is None or item.errors or said.error():
        return None
    read = meaning(Event(0, 0, said.value, 0 if said.good else BAD), text=True)
    is_number_of_none = isinstance(read.value, str) and read.value in NOT_NUMBERS
    return None if read.quality == "bad" or is_number_of_none else read.value


def _is_told(item: StreamValue) -> bool:
    """Tell whether PI answered, be it that the attribute has no value; what failed may be different the next time."""
    if item.web_exception is not None or item.value is None:
        return item.web_exception is None and bool(item.errors)
    return item.value.web_exception is None


def _name(item: StreamValue) -> str:
    return item.path.partition("|")[2] or item.name
