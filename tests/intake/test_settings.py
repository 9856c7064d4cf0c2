from typing import Any

import pytest
from pydantic import ValidationError

from pibridge.intake.settings import ShardSettings, StreamSettings
from pibridge.model import ticks
from pibridge.model.tag import Mode

POINTS = {"points": [r"\\PISRV1\SINUSOID"]}
FRAMES = {"event_frames": {"database": r"\\AF1\Plant", "template": "Batch"}}


def stream(**keys: Any) -> StreamSettings:
    """Give the settings as the configuration says them."""
    return StreamSettings.model_validate({"select": POINTS, **keys})


@pytest.mark.parametrize(
    ("keys", "mode", "via", "interval_s"),
    [
        ({}, Mode.REALTIME, "channel", 10),
        ({"interval": "10s"}, Mode.REALTIME, "channel", 10),
        ({"via": "updates"}, Mode.REALTIME, "updates", 1),
        ({"via": "poll"}, Mode.REALTIME, "poll", 10),
        ({"via": "poll", "interval": "2m"}, Mode.REALTIME, "poll", 120),
        ({"mode": "recorded"}, Mode.RECORDED, "updates", 1),
        ({"mode": "recorded", "via": "poll"}, Mode.RECORDED, "poll", 10),
        ({"mode": "interpolated"}, Mode.INTERPOLATED, None, 10),
        ({"mode": "interpolated", "interval": "1s", "delay": "3s"}, Mode.INTERPOLATED, None, 1),
        ({"select": FRAMES}, None, None, 10),
    ],
)
def test_each_mode_has_its_defaults(
    keys: dict[str, Any], mode: Mode | None, via: str | None, interval_s: float
) -> None:
    """What is left out follows from the mode and the road."""
    settings = stream(**keys)
    assert (settings.mode, settings.via, settings.interval) == (mode, via, interval_s)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"mode": "recorded", "via": "channel"}, "does not go with mode recorded; write updates or poll"),
        ({"mode": "interpolated", "via": "poll"}, "does not go with mode interpolated; leave via out"),
        ({"select": FRAMES, "via": "poll"}, "does not go with event_frames; leave via out"),
        ({"select": FRAMES, "mode": "realtime"}, "has mode beside select.event_frames; leave mode out"),
        ({"mode": None}, "has no mode; write realtime, recorded or interpolated"),
        ({"via": None}, "has no via; write channel or updates or poll"),
        ({"delay": "5s"}, "has delay, which belongs to mode interpolated; leave it out"),
        ({"interval": "0s"}, "greater than 0"),
        ({"backfill": "soon"}, "neither a duration nor a time with a zone; write 7d, or 2024-01-31T00:00:00Z"),
        ({"backfill": "2024-01-31"}, "neither a duration nor a time with a zone"),
        ({"backfill": "2024-01-31T00:00:00"}, "neither a duration nor a time with a zone"),
        ({"backfill": "-1d"}, "neither a duration nor a time with a zone"),
        ({"select": {**POINTS, **FRAMES}}, "select exactly one kind"),
    ],
)
def test_combinations_that_cannot_be_meant(keys: dict[str, Any], problem: str) -> None:
    """Each contradiction says what to write instead."""
    with pytest.raises(ValidationError, match=problem):
        stream(**keys)


NOW = ticks.parse("2024-02-01T00:00:00Z")


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("0s", None),
        ("7d", "2024-01-25T00:00:00Z"),
        (3600, "2024-01-31T23:00:00Z"),
        ("2023-12-31T00:00:00Z", "2023-12-31T00:00:00Z"),
        ("2023-12-31T01:00:00.25+01:00", "2023-12-31T00:00:00.25Z"),
    ],
)
def test_backfill_reaches_from_the_first_start_or_a_time(written: str | float, start: str | None) -> None:
    """A duration counts back from the first start; an ISO time stands."""
    found = stream(backfill=written).backfill_from_ticks(NOW)
    assert found == (None if start is None else ticks.parse(start))


def test_no_backfill_by_default() -> None:
    """History is read only where it is asked for."""
    assert stream().backfill_from_ticks(NOW) is None


def test_a_shard_is_one_of_its_fleet() -> None:
    """Numbers may be texts, as they come from the environment; the last of three shards is number 2."""
    assert ShardSettings.model_validate({"index": "2", "of": "3"}) == ShardSettings(index=2, of=3, overlap=3600.0)
    with pytest.raises(ValidationError, match="has index 3 of 3; the last one is 2"):
        ShardSettings(index=3, of=3)
