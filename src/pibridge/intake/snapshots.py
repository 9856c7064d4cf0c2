"""What PI's updates say of the archive: a snapshot waits until the event after it tells what became of it. Pure."""

from pibridge.intake.arrivals import same
from pibridge.model.event import Event
from pibridge.pi.update_wire import Action, PreviousEventAction


class Snapshots:
    """Holds the snapshot of each tag back. `present`: by tag, those that wait.

    `unsure`: what PI does not tell about; the archive does. `unknown`: tags of which it is not known what PI decided
    about, or what its snapshot is. Who asks PI about them empties both.
    """

    def __init__(self, present: dict[int, Event]) -> None:
        self._present = present
        self.unsure: list[Event] = []
        self.unknown: set[int] = set()

    def take(self, event: Event, action: Action, previous: PreviousEventAction) -> list[Event]:
        """Take one change in, in PI's order; give what is archived now, and what may be (`unsure`)."""
        waiting = self._present.get(event.tag)
        if action is not Action.ADD:
            if waiting is not None and waiting.ticks == event.ticks:
                # PI cannot always tell a replaced value from one beside it: what the snapshot is now, it has to say.
                del self._present[event.tag]
                self.unknown.add(event.tag)
            return [event]
        if waiting is not None and event.ticks < waiting.ticks:
            self.unsure.append(event)
            return [event]
        if waiting is not None and same(event, waiting):
            return []
        self._present[event.tag] = event
        if waiting is None:
            if previous is not PreviousEventAction.DISCARDED:
                self.unknown.add(event.tag)
            return []
        if previous is PreviousEventAction.NONE:
            self.unsure.append(waiting)
        return [] if previous is PreviousEventAction.DISCARDED else [waiting]
