import pytest

from journal.samples import tags
from pibridge.intake.arrivals import Arrivals
from pibridge.intake.catalogue import Catalogue
from pibridge.model.event import Event
from pibridge.pi.wire import StreamItem, TimedValue

NOON = 17_700_000_000_000_000


def catalogue() -> Catalogue:
    """Know two tags."""
    known = Catalogue()
    known.add(dict(enumerate(tags(2), start=1)))
    return known


def test_a_tag_that_is_read_no_longer_is_still_known() -> None:
    """Its last events are counted for its stream, but nobody reads it."""
    known = catalogue()
    known.remove([1, 99])
    assert 1 not in known
    assert 2 in known
    assert known.tag(1).name == "T1"
    with pytest.raises(KeyError):
        known.tag(3)


def test_a_tag_has_its_latest_description() -> None:
    """PI may have renamed its unit."""
    known = catalogue()
    known.add({1: tags(1, unit="K")[0]})
    assert known.tag(1).unit == "K"


def test_recovered_events_are_compared_with_what_arrives_meanwhile() -> None:
    """Those that came live while history looked are not told again; those of tags that nobody hears are all told."""
    known = catalogue()
    arrivals = Arrivals({"W1": 1}, [])
    known.hear([1], arrivals)
    events = [Event(number, NOON + second, 1.0) for number in (1, 2) for second in (0, 10_000_000)]
    with known.watching([1, 2]):
        arrivals.take([StreamItem("W1", [TimedValue("2026-02-02T02:40:00Z", 1.0)])])
        assert known.claim(events) == events[1:]
    later = arrivals.take([StreamItem("W1", [TimedValue("2026-02-02T02:40:01Z", 1.0)])])
    assert len(later.doubtful) == 1


def test_a_removed_tag_is_compared_with_nothing() -> None:
    """Its channel is gone: what history reads of it is told."""
    known = catalogue()
    arrivals = Arrivals({"W1": 1}, [])
    known.hear([1], arrivals)
    known.remove([1])
    with known.watching([1]):
        arrivals.take([StreamItem("W1", [TimedValue("2026-02-02T02:40:00Z", 1.0)])])
        assert known.claim([Event(1, NOON, 1.0)]) == [Event(1, NOON, 1.0)]


def test_it_is_known_who_is_sampled_and_what_is_present() -> None:
    """As long as somebody reads the tag live."""
    known = catalogue()
    arrivals = Arrivals({"W1": 1}, [])
    known.hear([1], arrivals, 10)
    assert (known.spacing_ticks(1), known.present(1)) == (10, None)
    arrivals.present[1] = Event(1, NOON, 1.0)
    assert known.present(1) == Event(1, NOON, 1.0)
    known.remove([1])
    assert (known.spacing_ticks(1), known.present(1)) == (None, None)
