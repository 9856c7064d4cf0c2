from hypothesis import example, given, settings
from hypothesis import strategies as st

from journal.samples import NOW, tags
from pibridge.context.deadband import Deadband
from pibridge.context.record import Record, context_of
from pibridge.context.settings import FilterSettings
from pibridge.delivery.thinned import always_passes, asked_again, by_marks
from pibridge.model import ticks
from pibridge.model.event import BAD, DELETE, UPDATE, Event, Lane

THIN = FilterSettings.model_validate({"deadband": 2, "heartbeat": "10s"})
CONTEXTS = {lane: context_of("houston", tags(1)[0], None, lane) for lane in Lane}
EVENTS = st.lists(
    st.builds(
        Event,
        tag=st.just(1),
        ticks=st.integers(0, 40).map(lambda s: NOW + s * ticks.PER_SECOND),
        value=st.integers(0, 9) | st.sampled_from(["On", 2.5]),
        status=st.sampled_from([0, 0, 0, BAD, UPDATE, DELETE]),
    ),
    min_size=1,
    max_size=30,
)


def records(events: list[Event]) -> list[Record]:
    """Give them as one lane has them."""
    return [Record(seq, event, CONTEXTS[Lane.LIVE]) for seq, event in enumerate(events, 1)]


def judged(told: list[Record]) -> tuple[dict[int, bool], Deadband]:
    """Give which are kept back, and the deadband that did it, with all acknowledged."""
    deadband = Deadband(THIN.deadband, THIN.heartbeat)
    kept_back = {record.seq: deadband.keeps_back(record) for record in told}
    deadband.commit(Lane.LIVE)
    return kept_back, deadband


@given(EVENTS)
def test_what_it_remembers_is_not_contradicted(events: list[Event]) -> None:
    """Of the newest, of what is far back, and of a quiet stretch it knows; elsewhere it says so."""
    told = records(events)
    kept_back, deadband = judged(told)
    mark = deadband.acknowledged(Lane.LIVE).get(1)
    for record in told:
        is_alone = sum(other.event.ticks == record.event.ticks for other in told) == 1
        assert by_marks(record, mark, is_alone=is_alone) in {None, kept_back[record.seq]}
        assert not (always_passes(record, THIN) and kept_back[record.seq])


@settings(max_examples=300)
@example([Event(1, NOW + s * ticks.PER_SECOND, 0) for s in (1, 0, 10)], 0)
@given(EVENTS, st.integers(0, 10))
def test_asking_again_is_not_contradicted(events: list[Event], gone: int) -> None:
    """With all events there it knows each; with the first ones gone it knows some, and errs in none."""
    told = records(events)
    kept_back, _ = judged(told)
    for record in told:
        assert asked_again(told, record.seq, THIN, latest_ticks=None) is kept_back[record.seq]
    latest = max((record.event.ticks for record in told[:gone]), default=NOW)
    for record in told[gone:]:
        found = asked_again(told[gone:], record.seq, THIN, latest_ticks=latest)
        assert found in {None, kept_back[record.seq]}


def test_a_great_change_starts_anew() -> None:
    """Of what came before nothing is known: behind a step of two widths everything is."""
    told = records([Event(1, NOW + i * ticks.PER_SECOND, value) for i, value in enumerate((1, 2, 7, 8, 9, 8))])
    found = [asked_again(told, seq, THIN, latest_ticks=NOW) for seq in range(1, 7)]
    assert found == [None, None, False, True, False, True]
    assert asked_again(told, 99, THIN, latest_ticks=NOW) is None


def test_a_pause_as_long_as_the_heartbeat_starts_anew() -> None:
    """Whatever was delivered last is that old."""
    told = records([Event(1, NOW + s * ticks.PER_SECOND, 1) for s in (0, 1, 12, 13)])
    found = [asked_again(told, seq, THIN, latest_ticks=NOW) for seq in range(1, 5)]
    assert found == [None, None, False, True]
