import pytest

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.plant import Plant
from pibridge.simulator.reading import stream_of
from pibridge.simulator.samples import Sample
from pibridge.simulator.updates import Caches, MarkerError, Registration
from simulator.bench import NOW, Clock

QUARTER_HOUR = 15 * 60 * PER_SECOND


def registration(plant: Plant, tag: str = "NEW.Tag") -> Registration:
    """Register a point now."""
    point = plant.point(tag)
    return Registration(stream_of(point), point, plant, plant.clock(), 0.0)


def told(registration: Registration, clock: Clock) -> list[tuple[str, object]]:
    """Give action and value of what is new."""
    news = registration.since(registration.marker, clock(), repeats=False)
    return [(each.action, each.sample.value) for each in news]


def test_every_snapshot_is_added_once() -> None:
    """What the plant makes between two markers is told in order, and nothing twice."""
    clock = Clock()
    plant = Plant(clock=clock)
    registered = registration(plant, "R1.Temperature")
    seen = []
    for _ in range(5):
        clock.advance(20)
        news = registered.since(registered.marker, clock(), repeats=False)
        assert {each.action for each in news} == {"Add"}
        seen += [each.sample for each in news]
    assert seen == plant.snapshots("R1.Temperature", NOW + 1, clock())
    assert registered.marker == f"{registered.key}_{len(seen)}"
    assert told(registered, clock) == []


def test_compression_decides_about_the_snapshot_before() -> None:
    """Discarded: it will never be in the archive; archived: it is."""
    clock = Clock()
    plant = Plant(clock=clock)
    registered = registration(plant, "R1.Temperature")
    before = plant.current(plant.point("R1.Temperature"), NOW)
    clock.advance(600)
    archive = plant.archive("R1.Temperature", before.ticks, clock(), clock())
    outcomes = set()
    for each in registered.since(registered.marker, clock(), repeats=False):
        assert (each.previous == "PreviousEventArchived") == (before in archive)
        outcomes.add(each.previous)
        before = each.sample
    assert outcomes == {"PreviousEventArchived", "PreviousEventDiscarded"}


def test_edits_are_told_as_what_they_are() -> None:
    """A value behind newer ones and a replacement are updates; a deletion shows the value removed."""
    clock = Clock()
    plant = Plant(clock=clock)
    registered = registration(plant)
    for at, value in ((NOW - 100, 1), (NOW - 50, 2), (NOW - 70, 3)):
        plant.insert("NEW.Tag", Sample(at, value))
    plant.replace("NEW.Tag", NOW - 50, 4)
    plant.delete("NEW.Tag", NOW - 70)
    assert told(registered, clock) == [("Add", 1), ("Add", 2), ("Update", 3), ("Update", 4), ("Delete", 3)]
    plant.insert("NEW.Tag", Sample(NOW - 60, 5))
    assert told(registered, clock) == [("Update", 5)]


def test_edits_and_snapshots_come_in_the_order_in_which_they_happened() -> None:
    """A value that came late stands where it came, not at its time."""
    clock = Clock()
    plant = Plant(clock=clock)
    registered = registration(plant, "R1.Temperature")
    clock.advance(10)
    plant.insert("R1.Temperature", Sample(NOW + 1, "late"))
    clock.advance(10)
    news = registered.since(registered.marker, clock(), repeats=False)
    place = next(number for number, each in enumerate(news) if each.sample.value == "late")
    assert news[place].action == "Update"
    assert news[place - 1].sample.ticks <= NOW + 10 * PER_SECOND < news[place + 1].sample.ticks


def test_a_marker_can_be_used_again_if_the_server_repeats() -> None:
    """It gives what it gave and what is new since; the one before that is gone."""
    clock = Clock()
    plant = Plant(clock=clock)
    registered = registration(plant)
    first = registered.marker
    plant.insert("NEW.Tag", Sample(NOW - 9, 1))
    assert len(registered.since(first, clock(), repeats=True)) == 1
    plant.insert("NEW.Tag", Sample(NOW - 8, 2))
    assert [each.sample.value for each in registered.since(first, clock(), repeats=True)] == [1, 2]
    second = registered.marker
    plant.insert("NEW.Tag", Sample(NOW - 7, 3))
    assert len(registered.since(second, clock(), repeats=True)) == 1
    with pytest.raises(MarkerError):
        registered.since(first, clock(), repeats=True)
    with pytest.raises(MarkerError):
        registered.since(second, clock(), repeats=False)


@pytest.mark.parametrize("marker", ["", "x", "{key}", "{key}_", "{key}_7"])
def test_a_wrong_marker(marker: str) -> None:
    """It is told from one that is right."""
    plant = Plant(clock=Clock())
    registered = registration(plant)
    with pytest.raises(MarkerError):
        registered.since(marker.format(key=registered.key), NOW, repeats=True)


def test_a_cache_lives_while_it_is_used() -> None:
    """15 minutes without a question end it; each user has one."""
    caches = Caches()
    cache = caches.make("anna", NOW, 0.0)
    assert caches.find("bert", NOW) is None
    assert caches.find("anna", NOW + QUARTER_HOUR) is cache
    assert caches.find("anna", NOW + 2 * QUARTER_HOUR) is cache
    assert caches.find("anna", NOW + 3 * QUARTER_HOUR + 1) is None
    assert caches.find("anna", NOW + 3 * QUARTER_HOUR + 1) is None


def test_a_cache_can_be_lost() -> None:
    """One by a fault, all by a restart."""
    caches = Caches()
    caches.make("anna", NOW, 0.0)
    caches.make(None, NOW, 0.0)
    caches.drop("anna")
    assert caches.find("anna", NOW) is None
    assert caches.find(None, NOW) is not None
    caches.clear()
    assert caches.find(None, NOW) is None


def test_a_cache_knows_its_registrations() -> None:
    """By stream, and by any marker of it."""
    plant = Plant(clock=Clock())
    registered = registration(plant)
    cache = Caches().make(None, NOW, 0.0)
    cache.add(registered)
    assert cache.of_stream(registered.stream) is registered
    assert cache.of_marker(registered.marker) is registered
    cache.remove(registered)
    assert cache.of_stream(registered.stream) is None
    assert cache.of_marker(registered.marker) is None
