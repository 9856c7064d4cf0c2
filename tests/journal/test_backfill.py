from msgspec.structs import replace

from journal.samples import NOW, NOW_S
from pibridge.context.choice import Choice
from pibridge.journal.backfill import Backfill, reason_of, told
from pibridge.journal.gaps import Gap

FOUND = Backfill(id="b", kind="backfill", choice=Choice(start_ticks=NOW), made_s=int(NOW_S))


def test_progress_is_the_share_of_time_that_is_read() -> None:
    """Of all tags together, as the gaps that are left tell; others do not count."""
    begun = replace(FOUND, begun=True, numbers=(1, 2), owed_ticks=400, end_ticks=NOW + 199)
    gaps = [Gap(1, 1, NOW + 100, NOW + 199, reason_of("b")), Gap(2, 2, NOW, NOW + 999, "not running")]
    assert FOUND.progress(gaps) == 0.0
    assert begun.progress(gaps) == 0.75
    assert replace(begun, owed_ticks=0).progress(()) == 1.0
    assert replace(begun, state="done").progress(gaps) == 1.0
    assert replace(begun, state="cancelled", left_ticks=300).progress(()) == 0.25


def test_progress_of_a_comparison_is_the_share_of_tags() -> None:
    """Of those that were compared."""
    begun = replace(FOUND, kind="reread", begun=True, numbers=(1, 2, 3, 4), looked=1)
    assert begun.progress(()) == 0.25
    assert replace(begun, numbers=(), looked=0).progress(()) == 0.0


def test_it_is_told() -> None:
    """Before it was begun nobody knows its tags."""
    assert told(FOUND, ()) == {
        "id": "b",
        "kind": "backfill",
        "state": "running",
        "progress": 0.0,
        "tags": None,
        "from": "2026-02-02T02:40:00.0000000Z",
        "to": "9999-12-31T23:59:59.9999999Z",
        "asked": "2026-02-02T02:40:00Z",
    }
