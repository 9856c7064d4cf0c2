from journal.samples import NOW_S
from pibridge.context.choice import Choice
from pibridge.journal.replay import Replay, new_id, told


def test_an_id_tells_when() -> None:
    """To the second, the next free one; it can stand in the name of a file."""
    assert new_id(NOW_S + 0.5, ()) == "20260202T024000"
    assert new_id(NOW_S, {"20260202T024000"}) == "20260202T024001"


def test_progress_is_told() -> None:
    """How much of the journal it has been through, and what became of it."""
    found = Replay(
        id="r", sink="lake", choice=Choice(), begin=100, upto=300, rate=1.0, made_s=int(NOW_S), seq=150, sent=40
    )
    assert (told(found)["progress"], told(found)["sent"], told(found)["asked"]) == (0.25, 40, "2026-02-02T02:40:00Z")
