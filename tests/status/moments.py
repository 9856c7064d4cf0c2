"""Snapshots to show."""

from pibridge.status.snapshot import HistoryStatus, JournalStatus, PIStatus, SinkStatus, Snapshot, StreamStatus

NEWEST = "2026-03-01T12:00:00.2500000Z"
NEWEST_UNIX_S = 1772366400.25

BUSY = Snapshot(
    version="0.1.0",
    site="houston",
    started="2026-03-01T11:00:00.0000000Z",
    pi=PIStatus(url="https://pi.example.com/piwebapi", state="connected"),
    streams={
        "reactors": StreamStatus(
            tags=12, channels=2, channels_open=1, read=4_000, reconnects=3, silent=2, last_ts=NEWEST
        ),
        "utilities": StreamStatus(tags=5, problems=1, quarantined=3, last_error=r"\\PISRV1\U9: unknown point"),
    },
    sinks={
        "lake": SinkStatus(
            state="waiting",
            delivered=3_900,
            withheld={"quality": 60},
            refused=2,
            dead_letters=4,
            resending=5,
            last_refusal="too long",
            lag_events=38,
            lag_s=1.5,
            last_ts=NEWEST,
        ),
    },
    journal=JournalStatus(events=4_000, bytes=65_536, max_bytes=2 << 30, oldest_seq=1, newest_seq=4_000, gaps=7),
    history=HistoryStatus(
        gaps_open=7,
        gaps_paid=5,
        events_recovered=1_200,
        updates=11,
        deletions=12,
        left_out=13,
        looks=14,
    ),
)

FRESH = Snapshot(
    version="0.1.0",
    site="houston",
    started="2026-03-01T11:00:00.0000000Z",
    pi=PIStatus(url="https://pi.example.com/piwebapi", state="connecting"),
)
