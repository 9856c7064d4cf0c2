from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pibridge.delivery.verdict import Again, Facts, FactsAgain, Verdict, verdict, verdict_again

PLACES = st.integers(1, 6)
FACTS = st.builds(
    Facts,
    seq=st.none() | PLACES,
    began=st.integers(0, 6),
    cursor=st.none() | st.integers(0, 6),
    is_resending=st.booleans(),
    is_refused=st.booleans(),
    withheld_by=st.sampled_from(["", "quality", "batch"]),
    is_thinned=st.sampled_from([None, False, True]),
)
MEANS: dict[Verdict, Callable[[Any], object]] = {
    Verdict.HELD: lambda facts: facts.seq is None,
    Verdict.NOT_BEGUN: lambda facts: facts.cursor is None,
    Verdict.NOT_OWED: lambda facts: facts.seq <= facts.began,
    Verdict.RESENDING: lambda facts: facts.is_resending,
    Verdict.REFUSED: lambda facts: facts.is_refused,
    Verdict.WAITING: lambda facts: facts.seq > facts.cursor,
    Verdict.WITHHELD: lambda facts: facts.seq <= facts.cursor and (facts.withheld_by or facts.is_thinned),
    Verdict.UNCERTAIN: lambda facts: facts.seq <= facts.cursor and facts.is_thinned is None,
    Verdict.DELIVERED: lambda facts: facts.began < facts.seq <= facts.cursor and facts.is_thinned is False,
}


@given(FACTS)
def test_every_event_has_one_verdict_that_is_true(facts: Facts) -> None:
    """Whatever is known of it; and nothing that passed a filter counts as withheld, nor the other way round."""
    found = verdict(facts)
    assert MEANS[found](facts)
    if found is Verdict.DELIVERED:
        assert not any((facts.withheld_by, facts.is_refused, facts.is_resending))


def test_each_verdict_can_be_had() -> None:
    """The set is closed, and none of it is idle."""
    known = [
        Facts(seq=None),
        Facts(seq=1),
        Facts(seq=1, cursor=5, began=1),
        Facts(seq=2, cursor=5, is_resending=True, is_refused=True),
        Facts(seq=2, cursor=5, is_refused=True),
        Facts(seq=6, cursor=5, withheld_by="quality"),
        Facts(seq=5, cursor=5, withheld_by="quality", is_thinned=None),
        Facts(seq=5, cursor=5, is_thinned=None),
        Facts(seq=5, cursor=5),
    ]
    assert list(map(verdict, known)) == list(Verdict)


FACTS_AGAIN = st.builds(
    FactsAgain,
    seq=PLACES,
    done=st.integers(0, 6),
    leaving=st.integers(0, 6),
    is_cancelled=st.booleans(),
    is_resending=st.booleans(),
    is_refused=st.booleans(),
    withheld_by=st.sampled_from(["", "quality", "batch"]),
)
MEANS_AGAIN: dict[Again, Callable[[FactsAgain], object]] = {
    Again.RESENDING: lambda facts: facts.is_resending,
    Again.REFUSED: lambda facts: facts.is_refused,
    Again.WAITING: lambda facts: facts.done < facts.seq and not facts.is_cancelled,
    Again.UNCERTAIN: lambda facts: facts.done < facts.seq <= facts.leaving and facts.is_cancelled,
    Again.CANCELLED: lambda facts: facts.done < facts.seq and facts.is_cancelled,
    Again.WITHHELD: lambda facts: facts.seq <= facts.done and facts.withheld_by,
    Again.DELIVERED: lambda facts: facts.seq <= facts.done,
}


@given(FACTS_AGAIN)
def test_every_event_has_one_verdict_in_each_replay(facts: FactsAgain) -> None:
    """A true one; nothing that a filter keeps back or that was refused counts as sent again."""
    found = verdict_again(facts)
    assert MEANS_AGAIN[found](facts)
    if found is Again.DELIVERED:
        assert not any((facts.withheld_by, facts.is_refused, facts.is_resending))


def test_each_verdict_on_a_replay_can_be_had() -> None:
    """The set is closed, and none of it is idle."""
    known = [
        FactsAgain(seq=2, done=5, is_resending=True, is_refused=True),
        FactsAgain(seq=2, done=5, is_refused=True),
        FactsAgain(seq=6, done=5, leaving=7),
        FactsAgain(seq=6, done=5, leaving=7, is_cancelled=True),
        FactsAgain(seq=6, done=5, leaving=5, is_cancelled=True),
        FactsAgain(seq=5, done=5, withheld_by="quality"),
        FactsAgain(seq=5, done=5, is_cancelled=True),
    ]
    assert list(map(verdict_again, known)) == list(Again)
