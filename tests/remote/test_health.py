import json

import msgspec
import pytest

from pibridge.model import ticks
from pibridge.remote.health import STARTING_S, Reading, State, health_of, lost, runway_s, state_of
from pibridge.status.snapshot import (
    ConfigurationStatus,
    HistoryStatus,
    JournalStatus,
    PIStatus,
    SinkStatus,
    Snapshot,
    StreamStatus,
)

NOON = ticks.parse("2026-03-01T12:00:00Z")
SNAPSHOT = Snapshot(
    version="1.2.3",
    site="houston",
    started="2026-03-01T11:00:00Z",
    pi=PIStatus(url="https://pi/piwebapi", state="connected"),
    streams={"a": StreamStatus(channels=2, channels_open=1, read=70), "b": StreamStatus(channels=3, channels_open=3)},
    sinks={
        "lake": SinkStatus(state="delivering", delivered=9, refused=1, withheld={"quality": 2, "tags": 3}),
        "cloud": SinkStatus(state="unavailable", lag_events=1000, lag_s=12.34),
    },
    journal=JournalStatus(events=1_000_000, bytes=30_000_000, max_bytes=100_000_000),
    history=HistoryStatus(gaps_open=4, oldest_gap="2026-03-01T11:58:20Z"),
    configuration=ConfigurationStatus(hash="abc"),
)


def test_the_record_has_the_names_that_alarms_are_built_on() -> None:
    """Each name and unit, as docs/remote.md has them."""
    health = health_of(SNAPSHOT, State.DEGRADED, ["sink cloud: gone"], events_per_s=10.0, now_ticks=NOON)
    assert json.loads(msgspec.json.encode(health)) == {
        "v": 1,
        "kind": "health",
        "site": "houston",
        "version": "1.2.3",
        "config": "abc",
        "state": "degraded",
        "shard": None,
        "up_s": 3600,
        "pi": {"state": "connected", "channels": 5, "channels_open": 4},
        "rates": {"events_per_s": 10.0},
        "gaps": {"open": 4, "oldest_s": 100.0},
        "journal": {"bytes": 30_000_000, "max_bytes": 100_000_000, "runway_s": 333_233.3},
        "sinks": {
            "lake": {
                "state": "delivering",
                "lag_events": 0,
                "lag_s": 0.0,
                "delivered": 9,
                "refused": 1,
                "withheld": 5,
            },
            "cloud": {
                "state": "unavailable",
                "lag_events": 1000,
                "lag_s": 12.3,
                "delivered": 0,
                "refused": 0,
                "withheld": 0,
            },
        },
        "audit": {"until": "", "unexplained": 0, "repaired": 0},
        "problems": ["sink cloud: gone"],
    }


@pytest.mark.parametrize(
    ("reasons", "up_s", "was_well", "state"),
    [
        ([], 1.0, False, State.RUNNING),
        (["x"], 1.0, False, State.STARTING),
        (["x"], STARTING_S + 1, False, State.DEGRADED),
        (["x"], 1.0, True, State.DEGRADED),
    ],
)
def test_a_start_may_take_a_while(reasons: list[str], up_s: float, was_well: bool, state: State) -> None:  # noqa: FBT001 - a column
    """Until all is well for the first time it is starting, for some minutes; after that something is wrong."""
    assert state_of(reasons, up_s, was_well=was_well) is state


def test_the_runway_is_what_is_left_for_what_no_sink_takes() -> None:
    """What all sinks have makes room; without events nothing is known, and few events do not mislead."""
    journal = JournalStatus(events=1_000_000, bytes=20_000_000, max_bytes=40_000_000)
    behind = {"lake": SinkStatus(lag_events=500_000), "cloud": SinkStatus(lag_events=5)}
    assert runway_s(journal, behind, 100.0) == 15_000
    assert runway_s(journal, {"lake": SinkStatus(lag_events=10_000_000)}, 100.0) == 0
    assert runway_s(journal, {}, 0.0) is None
    assert runway_s(JournalStatus(events=10, bytes=4 << 20, max_bytes=2 << 30), {}, 100.0) == pytest.approx(335_544, 1)


def test_a_rate_is_that_between_two_readings() -> None:
    """A stream that is gone takes its count along: nothing is less than nothing."""
    before, now = Reading.of(SNAPSHOT, 10.0), Reading(20.0, 170)
    assert (now.per_s(before), before.per_s(now), before.per_s(Reading(10.0, 0))) == (10.0, 0.0, 70_000.0)


def test_problems_are_not_a_book() -> None:
    """The record stays small, whatever is wrong."""
    health = health_of(SNAPSHOT, State.DEGRADED, ["x" * 1000] * 100, events_per_s=0.0, now_ticks=NOON)
    assert len(msgspec.json.encode(health)) < 6000


def test_the_will_is_a_health_record() -> None:
    """What filters by kind and state finds it, too."""
    will = json.loads(msgspec.json.encode(lost("houston", "1.2.3", "abc")))
    assert (will["kind"], will["state"], will["site"]) == ("health", "lost", "houston")
