from typing import Any

import msgspec
import pytest
from msgspec import MsgspecError, Raw

from pibridge.context.choice import Choice
from pibridge.daemon.from_afar import ORDERS, particulars
from pibridge.daemon.orders import BACKFILL, LIST_REPLAYS, PAUSE_REPLAY, REPLAY, REREAD
from pibridge.errors import PIBridgeError
from pibridge.journal.backfill import WantedHistory
from pibridge.journal.replay import WantedReplay
from pibridge.model import ticks

NOON = ticks.parse("2026-03-01T12:00:00Z")
NOW = NOON + 3600 * ticks.PER_SECOND


def given(order: str, having: dict[str, Any]) -> Raw:
    """Give the particulars that the table of orders gets."""
    return particulars(order, Raw(msgspec.json.encode(having)), NOW)


def test_a_replay_says_its_time_in_text() -> None:
    """Without one, everything up to now is meant."""
    asked = given(REPLAY, {"from": "2026-03-01T12:00:00Z", "tags": ["R1.*"], "sinks": ["lake"], "rate": 5})
    wanted = msgspec.json.decode(asked, type=WantedReplay)
    assert wanted == WantedReplay(
        choice=Choice(start_ticks=NOON, end_ticks=NOW, tags=("R1.*",)), sinks=("lake",), rate=5
    )


@pytest.mark.parametrize("order", [BACKFILL, REREAD])
def test_history_says_its_time_in_text(order: str) -> None:
    """As a replay does; that it has a beginning is asked for by the order itself."""
    asked = given(order, {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T12:00:01Z", "streams": ["live"]})
    wanted = msgspec.json.decode(asked, type=WantedHistory)
    assert wanted.choice == Choice(start_ticks=NOON, end_ticks=NOON + ticks.PER_SECOND, streams=("live",))


@pytest.mark.parametrize(
    ("order", "having", "said"),
    [
        (REPLAY, {"sinks": []}, "length"),
        (REPLAY, {"sinks": ["lake"], "to_files": "/etc"}, "to_files"),
        (REPLAY, {"sinks": ["lake"], "from": "yesterday"}, "no time"),
        (REPLAY, {"sinks": ["lake"], "tags": ["*a" * 20]}, "more than 8 wildcards"),
        (BACKFILL, {"from": "2026-03-01", "to": "2026-02-01"}, "no time"),
        (BACKFILL, {"from": "2026-03-01T12:00:00Z", "to": "2026-02-01T12:00:00Z"}, "ends before it begins"),
    ],
)
def test_what_cannot_be_meant_is_refused(order: str, having: dict[str, Any], said: str) -> None:
    """With the reason."""
    with pytest.raises((MsgspecError, PIBridgeError, ValueError), match=said):
        given(order, having)


def test_others_take_what_the_table_takes() -> None:
    """An id, or nothing; and each is an order there is."""
    assert given(PAUSE_REPLAY, {"id": "x"}) == Raw(b'{"id":"x"}')
    assert given(LIST_REPLAYS, {}) == Raw(b"{}")
    assert len(set(ORDERS)) == len(ORDERS)
