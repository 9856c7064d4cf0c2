"""What becomes of one event at one sink, and of each replay of it: exactly one verdict, of what is known. Pure."""

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """All that can have become of an event."""

    HELD = "held"
    """It is on disk, and waits for its context; no sink is given it before."""
    NOT_BEGUN = "not begun"
    """The sink has no place in the journal yet: it was never started."""
    NOT_OWED = "not owed"
    """The sink began behind it."""
    RESENDING = "resending"
    """It was refused, and waits to be sent again."""
    REFUSED = "refused"
    """The far side will never take it: a dead letter."""
    WAITING = "waiting"
    """The sink has not acknowledged it yet."""
    WITHHELD = "withheld"
    """The sink has passed it, and its filter keeps it back."""
    UNCERTAIN = "uncertain"
    """The sink has passed it; whether its deadband kept it back is not known any more."""
    DELIVERED = "delivered"
    """The far side has confirmed it."""


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of an event and a sink.

    `seq`: its place in the journal; None: it has none yet. `began`: the sink began behind this position. `cursor`: how
    far it has acknowledged the lane; None: it never began. `withheld_by`: key of the filter that keeps it back, empty:
    none. `is_thinned`: whether the deadband kept it back, if the others did not; None: that is not known.
    """

    seq: int | None
    began: int = 0
    cursor: int | None = None
    is_resending: bool = False
    is_refused: bool = False
    withheld_by: str = ""
    is_thinned: bool | None = False


def verdict(facts: Facts) -> Verdict:
    """Give what became of the event: the first of these that holds."""
    seq, cursor = facts.seq, facts.cursor
    if seq is None:
        return Verdict.HELD
    if cursor is None:
        return Verdict.NOT_BEGUN
    holds = {
        Verdict.NOT_OWED: seq <= facts.began,
        Verdict.RESENDING: facts.is_resending,
        Verdict.REFUSED: facts.is_refused,
        Verdict.WAITING: seq > cursor,
        Verdict.WITHHELD: bool(facts.withheld_by or facts.is_thinned),
        Verdict.UNCERTAIN: facts.is_thinned is None,
        Verdict.DELIVERED: True,
    }
    return next(each for each, is_so in holds.items() if is_so)


class Again(StrEnum):
    """All that can have become of an event that a replay is to send to a sink once more."""

    RESENDING = "resending"
    """The replay sent it, it was refused, and waits to be sent again."""
    REFUSED = "refused"
    """The replay sent it, and the far side will never take it: a dead letter."""
    WAITING = "waiting"
    """The replay has not got so far yet."""
    UNCERTAIN = "uncertain"
    """The replay was cancelled while this was on its way; nothing was confirmed."""
    CANCELLED = "cancelled"
    """The replay was cancelled before it got so far."""
    WITHHELD = "withheld"
    """The replay has passed it, and the sink's filter keeps it back."""
    DELIVERED = "delivered"
    """The far side has confirmed it once more."""


class FactsAgain(Struct, frozen=True, kw_only=True):
    """What is known of an event, and of a replay to a sink that means it.

    `done`: the replay is through up to this place. `leaving`: what follows up to this place is on its way, if anything.
    `withheld_by`: key of the filter that keeps it back, empty: none; no deadband is asked.
    """

    seq: int
    done: int
    leaving: int = 0
    is_cancelled: bool = False
    is_resending: bool = False
    is_refused: bool = False
    withheld_by: str = ""


def verdict_again(facts: FactsAgain) -> Again:
    """Give what became of the event: the first of these that holds."""
    is_to_come = facts.seq > facts.done
    holds = {
        Again.RESENDING: facts.is_resending,
        Again.REFUSED: facts.is_refused,
        Again.WAITING: is_to_come and not facts.is_cancelled,
        Again.UNCERTAIN: is_to_come and facts.seq <= facts.leaving and not facts.withheld_by,
        Again.CANCELLED: is_to_come,
        Again.WITHHELD: bool(facts.withheld_by),
        Again.DELIVERED: True,
    }
    return next(each for each, is_so in holds.items() if is_so)
