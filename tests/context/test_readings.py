from pibridge.context.readings import Readings


def test_a_time_is_known_once_every_source_was_read_after_it() -> None:
    """One source that was read too early, not far enough back or not at all leaves it open."""
    readings = Readings()
    readings.note("A", since_ticks=50, at_ticks=100)
    assert readings.know(["A"], 60, 100)
    assert not readings.know(["A"], 60, 101)
    assert not readings.know(["A"], 40, 100)
    assert not readings.know(["A", "B"], 60, 100)
    readings.note("B", since_ticks=10, at_ticks=200)
    assert readings.know(["A", "B"], 60, 100)


def test_a_later_reading_keeps_what_an_earlier_one_reached() -> None:
    """A short look after a long one does not forget the past."""
    readings = Readings()
    readings.note("A", since_ticks=10, at_ticks=100)
    readings.note("A", since_ticks=190, at_ticks=200)
    assert readings.know(["A"], 10, 200)


def test_no_sources_means_nothing_to_wait_for() -> None:
    """What no rule speaks for is known at once."""
    assert Readings().know([], 0, 1)
