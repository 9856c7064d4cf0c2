import msgspec

from pibridge.journal.letters import Count
from pibridge.model import ticks
from pibridge.status.counters import HistoryCounters, SinkCounters, StreamCounters
from pibridge.status.snapshot import HistoryStatus, SinkStatus, Snapshot, StreamStatus
from status.moments import BUSY, NEWEST

NEWEST_TICKS = 17_723_664_002_500_000


def test_a_stream_shows_every_counter() -> None:
    """Each counter of a stream is in the snapshot under its own name, the newest time as text."""
    counters = StreamCounters(
        tags=1,
        problems=2,
        channels=3,
        channels_open=4,
        read=5,
        recovered=6,
        duplicates=7,
        unknown=8,
        reconnects=9,
        silent=10,
        quarantined=11,
        last_ticks=NEWEST_TICKS,
        last_error="heartbeat missed",
    )
    expected = dict(vars(counters))
    del expected["last_ticks"], expected["is_resolved"]
    assert msgspec.to_builtins(StreamStatus.of(counters)) == {**expected, "last_ts": NEWEST}


def test_a_sink_shows_every_counter_and_its_lag() -> None:
    """Each counter of a sink is in the snapshot under its own name, beside how far it is behind."""
    counters = SinkCounters(
        state="writing", delivered=1, refused=2, batches=3, retries=4, last_ticks=NEWEST_TICKS, last_error="403"
    )
    counters.withheld["quality"] = 5
    expected = dict(vars(counters))
    del expected["last_ticks"]
    shown = msgspec.to_builtins(SinkStatus.of(counters, Count(2, "too long", 1), lag_events=6, lag_s=7.5))
    letters = {"dead_letters": 2, "resending": 1, "last_refusal": "too long"}
    assert shown == {**expected, **letters, "last_ts": NEWEST, "lag_events": 6, "lag_s": 7.5}


def test_history_shows_what_it_read_again() -> None:
    """Gaps, and what comparing with the archive found, are in the snapshot; `left_out` should be 0 and can be seen."""
    counters = HistoryCounters(owed=1, paid=2, recovered=3, duplicates=4, updates=5, deletions=6, left_out=7, looks=8)
    assert HistoryStatus.of(counters) == HistoryStatus(
        gaps_open=1, gaps_paid=2, events_recovered=3, updates=5, deletions=6, left_out=7, looks=8
    )


def test_a_snapshot_does_not_change_afterwards() -> None:
    """What is counted later does not reach a snapshot that was taken before."""
    counters = SinkCounters()
    before = SinkStatus.of(counters, Count(), lag_events=0, lag_s=0.0)
    counters.withheld["quality"] += 1
    counters.delivered += 1
    assert (before.withheld, before.delivered) == ({}, 0)


def test_no_event_yet_has_no_time() -> None:
    """Before the first event the time is empty, not 1970."""
    assert StreamStatus.of(StreamCounters()).last_ts == ""
    assert SinkStatus.of(SinkCounters(), Count(), lag_events=0, lag_s=0.0).last_ts == ""


def test_a_snapshot_survives_json() -> None:
    """What `/api/status` sends reads back as the same snapshot."""
    assert msgspec.json.decode(msgspec.json.encode(BUSY), type=Snapshot) == BUSY


def test_the_oldest_gap_is_told_by_its_time() -> None:
    """Nothing is told while there is none."""
    begun = ticks.parse("2026-03-01T12:00:00Z")
    assert HistoryStatus.of(HistoryCounters(owed=2, oldest_ticks=begun)).oldest_gap == ticks.render(begun)
    assert HistoryStatus.of(HistoryCounters()).oldest_gap == ""


def test_errors_are_shown_without_secrets() -> None:
    """What a far side said may hold what we sent it."""
    stream = StreamStatus.of(StreamCounters(last_error="https://svc:hunter2@pi.example.com/ answered 500"))
    sink = SinkStatus.of(SinkCounters(last_error="token=hunter2"), Count(1, "password=hunter2"), lag_events=0, lag_s=0)
    assert "hunter2" not in f"{stream}{sink}"
    assert "pi.example.com" in stream.last_error
