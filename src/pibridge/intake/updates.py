"""A group of tags heard by Stream Updates: PI's own word for what was added, replaced and removed."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping

import structlog

from pibridge.errors import PIBridgeError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.arrivals import event_at_its_time, same
from pibridge.intake.reception import Reception
from pibridge.intake.snapshots import Snapshots
from pibridge.model import ticks
from pibridge.model.event import BAD, DELETE, ERROR, QUESTIONABLE, UPDATE, Event
from pibridge.pi.recorded import Page, recorded, values
from pibridge.pi.update_wire import Action, UpdateEvent
from pibridge.pi.updates import Update, register, retrieve
from pibridge.pi.wire import TimedValue

_LONGEST_INTERVAL_S = 60.0
"""PI forgets who does not ask for a quarter of an hour."""

_MOST_UNSURE = 1000
"""How many archived values of a stream are looked at for what PI does not tell."""


class LiveUpdates:
    """Asks every `interval_s` for what is new.

    `set_aside` gets the tags that PI refuses, or fails twice to register, and why.
    `archived_only`: of mode recorded, a snapshot is held back until PI says that it was archived.
    """

    def __init__(
        self,
        reception: Reception,
        interval_s: float,
        set_aside: Callable[[Mapping[int, PIBridgeError]], None],
        *,
        archived_only: bool = False,
    ) -> None:
        self.reception = reception
        self._interval_s = min(interval_s, _LONGEST_INTERVAL_S)
        self._set_aside = set_aside
        self._snapshots = Snapshots(reception.arrivals.present) if archived_only else None
        self._numbers = dict(zip(reception.web_ids, reception.numbers, strict=True))
        self._markers: dict[str, str] = {}
        self._log = structlog.get_logger(stream=reception.stream, tags=len(reception.numbers))

    async def run(self) -> RejectedError | UnauthorizedError:
        """Keep the tags registered, until PI refuses all of them; give why."""
        return await self.reception.keep(self._session)

    async def _session(self) -> None:
        """Register and ask, until PI is gone. Raises what went wrong if it did not even register."""
        async with self.reception.session():
            self._markers = {}
            failed = await self._register(self._numbers)
            if failed and not self._markers:
                raise next(iter(failed.values()))
            await self._take_present(self._markers)
            await self.reception.begin()
            await self._ask_for_ever()

    async def _register(self, web_ids: Iterable[str], failed_before: Collection[str] = ()) -> dict[str, PIBridgeError]:
        """Set aside what PI refuses, and what it has failed to register before; give what failed for the first time."""
        registered = await register(self.reception.client, web_ids)
        self._markers |= registered.markers
        refused = {
            web_id: error
            for web_id, error in registered.failed.items()
            if web_id in failed_before or isinstance(error, (RejectedError, UnauthorizedError))
        }
        if refused:
            self._set_aside({self._numbers.pop(web_id): error for web_id, error in refused.items()})
        return {web_id: error for web_id, error in registered.failed.items() if web_id not in refused}

    async def _take_present(self, web_ids: Iterable[str]) -> None:
        """Take PI's present values, as a channel sends them first: updates tell of changes only."""
        present = await values(self.reception.client, list(web_ids))
        events = [
            event_at_its_time(self._numbers[web_id], value)
            for web_id, value in present.items()
            if isinstance(value, TimedValue)
        ]
        if self._snapshots is not None:
            # By an error in place of a value it is not known what PI may discard.
            self.reception.arrivals.present.update({event.tag: event for event in events if not event.status & ERROR})
        else:
            await self.reception.write(self.reception.arrivals.sort(events))

    async def _ask_for_ever(self) -> None:
        """Ask for what is new; now and then compare: PI drops what is too much for it without a word."""
        loop = asyncio.get_running_loop()
        every_s = self.reception.client.settings.timeouts.silent_channel
        compare_at = loop.time() + every_s
        newer: dict[int, int] = {}
        while True:
            await asyncio.sleep(self._interval_s)
            failed_before = self._numbers.keys() - self._markers.keys()
            updates = await retrieve(self.reception.client, self._markers)
            lost = dict.fromkeys(failed_before, "not registered") | await self._take(updates)
            if lost:
                await self._recover(lost, failed_before)
            if loop.time() >= compare_at:
                behind = set(self.reception.still_behind(newer)).intersection(self._numbers.values())
                if behind:
                    self.reception.counters.silent += 1
                    raise UnavailableError(f"PI has newer values of {len(behind)} tags than its updates tell")
                # PI goes on being asked meanwhile: what it has now, its updates may tell a little later.
                newer = {} if newer else await self.reception.newer()
                compare_at = loop.time() + (self.reception.grace_s if newer else every_s)

    async def _take(self, updates: Mapping[str, Update]) -> dict[str, str]:
        """Write down what is new; give the streams that PI tells no more of, and why."""
        events: list[Event] = []
        refreshed: dict[int, int] = {}
        for web_id, update in updates.items():
            number = self._numbers[web_id]
            for change in update.events:
                event = _event(number, change)
                if change.action is Action.REFRESH:
                    refreshed[number] = min(event.ticks, refreshed.get(number, ticks.FOREVER))
                    if self._snapshots is not None:
                        self._snapshots.unknown.add(number)
                elif self._snapshots is not None:
                    events += self._snapshots.take(event, change.action, change.previous_event_action)
                else:
                    events.append(event)
        if self._snapshots is not None:
            events = await self._archived(events, self._snapshots)
        await self.reception.write(self.reception.arrivals.sort(events))
        if self._snapshots is not None:
            await self._recover_unknown(self._snapshots)
        for number, since in refreshed.items():
            await self.reception.recover([number], "PI says that all since then is to be read again", since)
        lost = {web_id: update.lost for web_id, update in updates.items() if update.lost is not None}
        self._markers = {web_id: update.marker for web_id, update in updates.items() if web_id not in lost}
        return lost

    async def _archived(self, events: list[Event], snapshots: Snapshots) -> list[Event]:
        """Leave out what PI does not tell about and the archive does not have."""
        if not snapshots.unsure:
            return events
        unsure, snapshots.unsure = snapshots.unsure, []
        web_ids = {number: web_id for web_id, number in self._numbers.items()}
        asked = {web_ids[event.tag] for event in unsure}
        times = [event.ticks for event in unsure]
        pages = await recorded(self.reception.client, sorted(asked), min(times), max(times), _MOST_UNSURE)
        left_out = set()
        for event in unsure:
            page = pages[web_ids[event.tag]]
            if not isinstance(page, Page) or (page.full and page.ticks[-1] <= event.ticks):
                snapshots.unknown.add(event.tag)
            elif any(same(event, event_at_its_time(event.tag, value)) for value in page.values):
                continue
            left_out.add(id(event))
        return [event for event in events if id(event) not in left_out]

    async def _recover_unknown(self, snapshots: Snapshots) -> None:
        """Have read from the archive what PI decided about before its snapshot was known."""
        unknown, snapshots.unknown = snapshots.unknown, set()
        if unknown:
            await self._take_present([web_id for web_id, number in self._numbers.items() if number in unknown])
            await self.reception.recover(sorted(unknown), "the snapshot was edited, or was not known")

    async def _recover(self, lost: Mapping[str, str], failed_before: Collection[str]) -> None:
        """Register lost streams again; what they missed meanwhile is read from the archive."""
        reason = next(iter(lost.values()))
        self.reception.counters.reconnects += 1
        self._log.warning("registrations lost, their gap is written down", lost=len(lost), error=reason)
        numbers = [self._numbers[web_id] for web_id in lost]
        await self.reception.miss(numbers, reason)
        await self._register(lost, failed_before)
        registered = [web_id for web_id in lost if web_id in self._markers]
        await self._take_present(registered)
        await self.reception.recover([self._numbers[web_id] for web_id in registered], reason)


def _event(number: int, change: UpdateEvent) -> Event:
    """Give PI's change as an event. UnavailableError: its time is none."""
    event = event_at_its_time(number, change)
    if change.action is Action.UPDATE:
        event.status |= UPDATE
    elif change.action is Action.DELETE:
        was_state = isinstance(change.value, dict) and change.value.get("IsSystem")
        quality = BAD if was_state else event.status & (BAD | QUESTIONABLE)
        return Event(number, event.ticks, None, DELETE | quality)
    return event
