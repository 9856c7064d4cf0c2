from msgspec.structs import replace

from pibridge.status.past import EVERY_S, KEPT_S, Past
from pibridge.status.snapshot import HistoryStatus, JournalStatus, SinkStatus, Snapshot, StreamStatus
from status.moments import FRESH


def counted(read: int, *, delivered: int = 0, gaps_open: int = 0, gaps_paid: int = 0) -> Snapshot:
    """Give a snapshot of one stream and one sink."""
    return replace(
        FRESH,
        streams={"reactors": StreamStatus(read=read, recovered=read // 2)},
        sinks={"lake": SinkStatus(delivered=delivered, lag_events=read - delivered, lag_s=1.25)},
        journal=JournalStatus(events=read, bytes=1000 + read, max_bytes=1 << 30, newest_seq=read),
        history=HistoryStatus(gaps_open=gaps_open, gaps_paid=gaps_paid),
    )


def test_points_are_rates() -> None:
    """Between two samples: events a second by stream and sink, and how far behind sinks are."""
    past = Past()
    past.take(counted(100, delivered=100), 1000.0)
    assert past.point() is None
    past.take(counted(300, delivered=150), 1002.0)
    (point,) = past.history().points
    assert point == past.point()
    assert (point.at_s, point.read, point.recovered) == (1002.0, {"reactors": 100.0}, {"reactors": 50.0})
    assert (point.delivered, point.lag, point.bytes) == ({"lake": 25.0}, {"lake": 150}, 1300)


def test_the_ring_is_bounded() -> None:
    """It holds a quarter of an hour, however long the daemon runs."""
    past = Past()
    for place in range(2000):
        past.take(counted(place), 1000.0 + EVERY_S * place)
    points = past.history().points
    assert points[-1].at_s - points[0].at_s <= KEPT_S
    assert len(points) == round(KEPT_S / EVERY_S)


def test_a_clock_that_is_set_back_begins_anew() -> None:
    """By little: nothing is taken until time goes on; by much: what was before is let go."""
    past = Past()
    for at_s in (5000.0, 5002.0, 5001.0, 5002.0):
        past.take(counted(1), at_s)
    assert [point.at_s for point in past.history().points] == [5002.0]
    for at_s in (100.0, 102.0):
        past.take(counted(1), at_s)
    assert [point.at_s for point in past.history().points] == [102.0]


def test_a_count_that_begins_anew_is_no_negative_rate() -> None:
    """A stream that was configured anew counts from 0."""
    past = Past()
    past.take(counted(500), 1000.0)
    past.take(counted(10), 1002.0)
    assert past.point() is not None
    assert past.history().points[0].read == {"reactors": 0.0}


def test_progress_begins_when_there_was_no_gap() -> None:
    """What was paid for an earlier outage does not count for this one."""
    past = Past()
    past.take(counted(1, gaps_open=0, gaps_paid=70), 1000.0)
    for place in range(1, 6):
        past.take(counted(1, gaps_open=40 - 5 * place, gaps_paid=70 + 5 * place), 1000.0 + 2 * place)
    assert past.outlook().gaps_paid_share == 0.625
