from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.errors import UnavailableError
from pibridge.intake.arrivals import Arrivals, decide, event_at_its_time, is_provisional
from pibridge.intake.compare import content, place_of
from pibridge.model import ticks
from pibridge.model.event import BAD, DELETE, ERROR, SUBSTITUTED, UPDATE, Event
from pibridge.pi.wire import StreamItem, TimedValue, decode_channel

A, FULL_A = "I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA", "F1DPrR1NjdPxEUOulNmps6aJqQFAEAAAUElTUlYxXFNJTlVTT0lE"
NOON = ticks.parse("2026-03-01T12:00:00Z")


def item(*values: TimedValue, web_id: str = A) -> StreamItem:
    """Give values of one stream as a message has them."""
    return StreamItem(web_id, list(values))


def value(second: int, number: Any, **said: Any) -> TimedValue:
    """Give a value some seconds after noon."""
    return TimedValue(ticks.render(NOON + second * ticks.PER_SECOND), number, **said)


def arrivals(*latest: Event) -> Arrivals:
    """Wait for one tag."""
    return Arrivals({A: 1}, latest)


def test_an_event_keeps_what_pi_said() -> None:
    """Time, value and PI's doubts go into the event unchanged."""
    arrived = arrivals().take([item(value(0, 1.5, good=False), value(1, {"Name": "Open", "Value": 1}))])
    assert arrived.events == [
        Event(1, NOON, 1.5, BAD),
        Event(1, NOON + ticks.PER_SECOND, {"Name": "Open", "Value": 1}),
    ]


def test_an_error_in_place_of_a_value_is_kept_as_its_text() -> None:
    """A value with errors is never taken for a value."""
    message = (
        b'{"Items":[{"WebId":"%s","Items":[{"Timestamp":"2026-03-01T12:00:00Z","Value":null,"Errors":["gone"]}]}]}'
    )
    (event,) = arrivals().take(decode_channel(message % A.encode())).events
    assert (event.value, event.status) == ("gone", ERROR | BAD)


def test_answers_in_another_form_of_the_web_id_are_understood() -> None:
    """PI answers with the full form where the ids alone were asked for."""
    arrived = arrivals().take([item(value(0, 1), web_id=FULL_A)])
    assert len(arrived.events) == 1


def test_values_of_streams_that_were_not_asked_for_are_counted() -> None:
    """They cannot be journaled, and they do not stop the others."""
    arrived = arrivals().take([item(value(0, 1), web_id="I1DPother"), item(value(0, 1))])
    assert (arrived.unknown, len(arrived.events)) == (1, 1)


def test_repeated_values_are_dropped_and_out_of_order_ones_kept() -> None:
    """Only what is equal in time and value is a repetition; an older time that was there is looked up."""
    taking = arrivals(Event(1, NOON, 1.0))
    assert taking.take([item(value(0, 1.0))]).duplicates == 1
    first = taking.take([item(value(2, 2.0), value(1, 1.5))])
    assert ([event.value for event in first.events], first.doubtful) == ([2.0, 1.5], [])
    again = taking.take([item(value(2, 2.0), value(1, 1.5), value(0, 1.0))])
    assert (again.duplicates, len(again.doubtful)) == (1, 2)
    settled = decide(again, [Event(1, NOON, 1.0), *first.events])
    assert (settled.events, settled.duplicates) == ([], 3)


def test_a_second_value_of_the_same_time_is_an_event_of_its_own() -> None:
    """Several events of one time are legal; only a substituted one replaces."""
    taking = arrivals(Event(1, NOON, 1.0))
    arrived = decide(taking.take([item(value(0, 2.0))]), [Event(1, NOON, 1.0)])
    assert arrived.events == [Event(1, NOON, 2.0)]


def test_a_substituted_value_at_a_time_that_had_another_is_an_update() -> None:
    """PI marks it, and the journal has another value of this time; without one it is a late insert."""
    edited = arrivals(Event(1, NOON, 1.0)).take([item(value(0, 9.0, substituted=True))])
    (event,) = decide(edited, [Event(1, NOON, 1.0)]).events
    assert event.status == SUBSTITUTED | UPDATE
    late = arrivals(Event(1, NOON, 1.0)).take([item(value(-500, 9.0, substituted=True))])
    (event,) = decide(late, []).events
    assert event.status == SUBSTITUTED


def test_what_history_recovered_is_looked_up_when_it_arrives() -> None:
    """An event that the archive gave before the channel did counts once, whether newest or not, however late."""
    taking = arrivals(Event(1, NOON, 1.0))
    recovered = [Event(1, NOON + second * ticks.PER_SECOND, float(second)) for second in (1, 4)]
    assert taking.claim(recovered) == recovered
    arrived = taking.take([item(value(4, 4.0), value(1, 1.0), value(3, 3.0), value(5, 5.0))])
    assert [event.value for event in arrived.doubtful] == [4.0, 1.0]
    assert [event.value for event in decide(arrived, recovered).events] == [3.0, 5.0]


@pytest.mark.parametrize("status", [0, UPDATE])
def test_an_old_event_says_nothing_of_those_after_it(status: int) -> None:
    """One that is recovered or edited far behind the newest: between the two the journal may have others."""
    taking = arrivals(Event(1, NOON, 1.0))
    old = Event(1, NOON - 60 * ticks.PER_SECOND, 2.0, status)
    if status:
        taking.sort([old])
    else:
        taking.claim([old])
    between = Event(1, NOON - 30 * ticks.PER_SECOND, 3.0)
    arrived = taking.sort([between])
    assert arrived.doubtful == [between]
    assert decide(arrived, [between]).events == []


def test_recovered_events_of_a_tag_that_never_spoke_are_looked_up_too() -> None:
    """The first thing that a channel brings may be what history found."""
    taking = arrivals()
    taking.claim([Event(1, NOON, 1.0)])
    assert len(taking.take([item(value(0, 1.0))]).doubtful) == 1


def test_what_could_not_be_written_down_is_taken_live_after_all() -> None:
    """Recovered events that did not fit into the journal are still owed."""
    taking = arrivals(Event(1, NOON, 1.0))
    taking.claim([Event(1, NOON + ticks.PER_SECOND, 2.0)])
    assert len(decide(taking.take([item(value(1, 2.0))]), []).events) == 1


def test_streams_that_failed_are_told() -> None:
    """Errors in place of values are no silence."""
    message = b'{"Items":[{"WebId":"%s","Errors":[{"FieldName":"Value","Message":["gone"]}]}]}' % A.encode()
    ((number, failed),) = arrivals().take(decode_channel(message)).failed
    assert number == 1
    assert "gone" in str(failed.problem())


def test_what_arrives_while_history_reads_is_not_recovered_again() -> None:
    """Between looking into the journal and writing, the channel may bring the same event."""
    taking = arrivals(Event(1, NOON, 1.0))
    taking.watch()
    taking.take([item(value(1, 2.0))])
    recovered = [Event(1, NOON + ticks.PER_SECOND, 2.0), Event(1, NOON + 2 * ticks.PER_SECOND, 3.0)]
    assert taking.claim(recovered) == recovered[1:]
    taking.unwatch()


def test_an_edit_may_put_a_replaced_value_back() -> None:
    """What counts is the value that the tag last had at this time, also if the archive told the first one."""
    for journal in ([], [Event(1, NOON, 1.0)]):
        taking = arrivals(*journal)
        taking.claim([Event(1, NOON, 1.0)])
        told = [Event(1, NOON, 1.0)]
        for number in (2.0, 2.0, 1.0, 1.0):
            told += decide(taking.take([item(value(0, number, substituted=True))]), told).events
        assert [event.value for event in told] == [1.0, 2.0, 1.0]


def test_the_echo_of_a_deletion_brings_nothing_back() -> None:
    """A channel tells a deletion by the removed value, marked Substituted: what is known as deleted stays so."""
    journal = [Event(1, NOON, 1.0), Event(1, NOON, None, DELETE)]
    taking = arrivals(*journal[:1])
    echo = value(0, 1.0, substituted=True)
    taking.take([item(value(1, 5.0))])
    taking.claim(journal[:1])
    assert decide(taking.take([item(echo)]), journal).events == []
    (anew,) = decide(taking.take([item(value(0, 2.0, substituted=True))]), journal).events
    assert anew.value == 2.0


def test_what_was_not_written_down_is_forgotten() -> None:
    """After a failed write the same value counts as new."""
    taking = arrivals(Event(1, NOON, 1.0))
    taking.take([item(value(1, 2.0))])
    taking.rewind([Event(1, NOON, 1.0)])
    assert len(taking.take([item(value(1, 2.0))]).events) == 1


def test_a_time_that_is_none_is_an_error() -> None:
    """The message cannot be placed: the channel is given up, and the archive asked."""
    with pytest.raises(ValueError, match="soon"):
        arrivals().take([item(TimedValue("soon", 1))])


MOMENTS = st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=1, max_size=5), max_size=20)


@given(MOMENTS, st.data())
def test_no_new_event_is_dropped_and_no_repetition_passes(
    messages: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    """PI sends in any order and repeats whatever it likes: the journal has what PI has, each once."""
    taking = arrivals()
    journal: list[Event] = []
    truth: dict[tuple[int, int], None] = {}
    for message in messages:
        truth.update(dict.fromkeys(message))
        repeated = data.draw(st.lists(st.sampled_from(list(truth)), max_size=3))
        sent = data.draw(st.permutations([*dict.fromkeys(message), *repeated]))
        arrived = taking.take([item(*(value(second, number) for second, number in sent))])
        journal += decide(arrived, journal).events
        if data.draw(st.booleans()):
            newest = max(journal, key=lambda event: event.ticks)
            taking.rewind([newest])
    expected = Counter({((1, NOON + second * ticks.PER_SECOND), number): 1 for second, number in truth})
    assert Counter((place_of(event), content(event)) for event in journal) == expected


def test_what_is_under_way_to_the_journal_is_not_recovered() -> None:
    """While a doubtful message is looked up, history may read the same events: they are told once."""
    taking = arrivals(Event(1, NOON, 1.0))
    taking.take([item(value(1, 2.0), value(-5, 9.0))])
    taking.watch()
    recovered = [Event(1, NOON + ticks.PER_SECOND, 2.0)]
    assert taking.claim(recovered) == []
    taking.written()
    taking.watch()
    assert taking.claim(recovered) == recovered


def test_a_time_that_is_none_is_an_error_of_pi() -> None:
    """It is nothing that could be told."""
    assert event_at_its_time(1, value(3, 7)) == Event(1, NOON + 3 * ticks.PER_SECOND, 7)
    with pytest.raises(UnavailableError, match="a time that is none"):
        event_at_its_time(1, TimedValue("soon", 7))


@pytest.mark.parametrize(
    ("event", "provisional"),
    [
        (Event(1, 9, 5.0), False),
        (Event(1, 10, 5.0), True),
        (Event(1, 10, 6.0), False),
        (Event(1, 11, 5.0), True),
        (Event(1, 11, 5.0, UPDATE), False),
        (Event(1, 9, None, DELETE), False),
        (Event(1, 10, None, DELETE), True),
    ],
)
def test_the_present_value_and_what_follows_are_provisional(event: Event, *, provisional: bool) -> None:
    """What stands beside it at its time is archived, and edits are final; what is there is not deleted."""
    assert is_provisional(event, Event(1, 10, 5.0)) == provisional


def test_what_was_read_as_present_is_forgotten_with_the_rest() -> None:
    """After a rewind PI is asked again what its present values are."""
    found = arrivals()
    found.present[1] = Event(1, 10, 5.0)
    found.rewind([])
    assert found.present == {}
