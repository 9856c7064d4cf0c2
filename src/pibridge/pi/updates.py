"""Stream updates: PI keeps what is new of registered streams, edits and deletions included, until it is asked for.

One marker for each stream says how far it has been read. A registration lives in PI's memory: it ends with a restart of
the server, after some idle minutes, and with an error. Then the stream is to be registered again, and what happened
between its last update and the new registration is read from the archive.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pibridge.errors import PIBridgeError, RejectedError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.pi.answers import NOT_FOUND
from pibridge.pi.client import PiClient
from pibridge.pi.outcomes import Outcomes, in_halves, left_out, matched
from pibridge.pi.update_wire import Registration, StreamUpdates, UpdateEvent, read_registrations, read_updates
from pibridge.pi.url_groups import url_groups
from pibridge.pi.webid import identity

_ID_ONLY: Final = ("webIdType", "IDOnly")
_REGISTERED_PER_CALL: Final = 100
"""PI answers with a `Location` that holds the markers of all; aiohttp takes no header of more than 8 KiB."""


@dataclass(frozen=True)
class Registered:
    """Which streams PI keeps updates of. `markers`, `failed`: by web id; each that was asked for is in one of them."""

    markers: dict[str, str] = field(default_factory=dict)
    failed: dict[str, PIBridgeError] = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """What is new of one stream, in the order in which PI tells it. `marker`: to ask with next.

    `lost`: why PI tells no more than this; register the stream again, and read the gap from the archive.
    """

    marker: str
    events: list[UpdateEvent] = field(default_factory=list)
    lost: str | None = None


async def register(client: PiClient, web_ids: Iterable[str]) -> Registered:
    """Have PI keep the updates of these streams from now on. One that is registered already goes on.

    A stream that PI refuses, a static attribute for one, fails by itself. Raises UnavailableError and
    UnauthorizedError (401).
    """

    async def ask(group: Sequence[str]) -> Outcomes[Registration]:
        params = [_ID_ONLY, *(("webId", web_id) for web_id in group)]
        answer = await client.post("/streamsets/updates", {}, read_registrations, params=params)
        return matched(group, answer.items)

    registered = Registered()
    for group in url_groups(web_ids, "webId", client.url_bytes, most=_REGISTERED_PER_CALL):
        for web_id, outcome in (await in_halves(group, ask)).items():
            if isinstance(outcome, PIBridgeError):
                registered.failed[web_id] = outcome
            else:
                registered.markers[web_id] = outcome.latest_marker
    return registered


async def retrieve(client: PiClient, markers: Mapping[str, str]) -> dict[str, Update]:
    """Read what is new since these markers (web id to marker); give an update for each of them.

    Raises UnavailableError and UnauthorizedError (401) if nothing at all was read. After UnavailableError an answer may
    be lost on its way, and whether PI tells it again is not known: register again. If PI fails after some were read,
    the others are `lost`.
    """
    web_ids = {marker: web_id for web_id, marker in markers.items()}
    outcomes: Outcomes[Update] = {}

    async def ask(group: Sequence[str]) -> Outcomes[Update] | None:
        found = await _ask(client, group, web_ids)
        # Kept at once, whatever becomes of the rest: PI may not tell it again.
        outcomes.update(found or {})
        return found

    not_read: PIBridgeError = left_out()
    try:
        for group in url_groups(markers.values(), "marker", client.url_bytes):
            outcomes |= await in_halves(group, ask)
    except (UnavailableError, UnauthorizedError) as error:
        if not outcomes:
            raise
        not_read = error
    return {web_id: _update(marker, outcomes.get(marker, not_read)) for web_id, marker in markers.items()}


async def _ask(client: PiClient, group: Sequence[str], web_ids: Mapping[str, str]) -> Outcomes[Update] | None:
    params = [_ID_ONLY, *(("marker", marker) for marker in group)]
    try:
        answer = await client.get("/streamsets/updates", params, read_updates)
    except TooMuchError as error:
        return {group[0]: error} if len(group) == 1 else None
    except RejectedError as error:
        if error.status != NOT_FOUND:
            raise
        # What is not found is no stream, but all that was registered.
        return dict.fromkeys(group, error)
    return _matched(group, web_ids, answer.items)


def _matched(group: Sequence[str], web_ids: Mapping[str, str], items: Sequence[StreamUpdates]) -> Outcomes[Update]:
    """Give each marker its part of the answer: by the marker that PI repeats, or else by the stream."""
    by_marker = {item.requested_marker: item for item in items if item.requested_marker}
    by_stream = {identity(item.web_id): item for item in items if item.web_id and not item.requested_marker}
    # An error that names neither speaks for all that have no part of their own.
    nameless = (item.problem() for item in items if not item.web_id and not item.requested_marker)
    left = next(filter(None, nameless), left_out())
    outcomes: Outcomes[Update] = {}
    for marker in group:
        item = by_marker.get(marker) or by_stream.get(identity(web_ids[marker]))
        if item is None:
            outcomes[marker] = left
            continue
        problem = item.problem()
        outcomes[marker] = Update(item.latest_marker, item.events, None if problem is None else str(problem))
    return outcomes


def _update(marker: str, outcome: Update | PIBridgeError) -> Update:
    return Update(marker, lost=str(outcome)) if isinstance(outcome, PIBridgeError) else outcome
