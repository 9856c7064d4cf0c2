"""What becomes of one event at one sink: exactly one verdict, of what is known of it. Pure."""

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
