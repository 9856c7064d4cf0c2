"""The JSON of stream updates: registrations and what is new since a marker. Pure.

`Status` is not read: PI says "Updated" beside errors. `Exception`, `Errors` and a marker that is there decide.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.pi.answers import readable, refusal
from pibridge.pi.wire import Errors, Failure, Items, Reader, TimedValue, WebException


class Action(StrEnum):
    """What happened to a value."""

    ADD = "Add"
    """New, at the end."""
    UPDATE = "Update"
    """In the place of the value at its time, or inserted behind newer ones: PI cannot always tell."""
    DELETE = "Delete"
    """Removed; the event's value, if it has one, is what was there."""
    REFRESH = "Refresh"
    """All from this time on is to be read again. An action that we do not know, or that is missing, counts as this."""

    @classmethod
    def _missing_(cls, value: object) -> "Action":
        del value
        return cls.REFRESH


class PreviousEventAction(StrEnum):
    """What an added value made of the snapshot before it."""

    NONE = "None"
    ARCHIVED = "PreviousEventArchived"
    DISCARDED = "PreviousEventDiscarded"
    """Compression dropped it: it was told live, and the archive does not have it."""

    @classmethod
    def _missing_(cls, value: object) -> "PreviousEventAction":
        del value
        return cls.NONE


class UpdateEvent(TimedValue, rename="pascal", gc=False):
    """One change of a stream. It may hold an error of its own, `error()`."""

    action: Action = Action.REFRESH
    previous_event_action: PreviousEventAction = PreviousEventAction.NONE


class _AboutStream(Struct, rename="pascal", kw_only=True):
    web_id: str = field(name="Source", default="")
    path: str = field(name="SourcePath", default="")
    latest_marker: str = ""
    exception: Failure | None = None
    errors: Errors = ()
    web_exception: WebException | None = None

    def problem(self) -> PIBridgeError | None:
        """Give why PI tells nothing of this stream, None if it does."""
        about = self.path or self.web_id or "a stream"
        if self.web_exception is not None:
            return refusal(self.web_exception.status_code, self.web_exception.errors, about=f"the updates of {about}")
        texts = [*(self.exception.errors if self.exception else ()), *map(str, self.errors)]
        if self.exception is not None or texts:
            said = readable("; ".join(texts)) or "it does not say why"
            return UnavailableError(f"PI gives no updates of {about}: {said}")
        if not self.latest_marker:
            return UnavailableError(f"PI gives no updates of {about}: it sent no marker")
        return None


class Registration(_AboutStream):
    """The answer to the registration of one stream. `latest_marker`: where its updates begin."""


class StreamUpdates(_AboutStream, rename="pascal", kw_only=True):
    """What is new of one stream since `requested_marker`; ask for `latest_marker` next."""

    requested_marker: str = ""
    events: list[UpdateEvent] = []


read_registrations: Final = Reader(Items[Registration])
read_updates: Final = Reader(Items[StreamUpdates])
