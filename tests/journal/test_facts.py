from pathlib import Path

from pibridge.journal import facts, schema
from pibridge.journal.facts import DropFact, Fact


def test_facts_are_replaced_and_dropped_by_their_ids(tmp_path: Path) -> None:
    """The last word counts, and sources do not touch each other."""
    db = schema.open_for_writing(tmp_path, "full")
    facts.change(db, [Fact("a", "2", b"x"), Fact("a", "1", b"y"), Fact("b", "1", b"z")])
    facts.change(db, [Fact("a", "1", b"new"), DropFact("a", "2"), DropFact("a", "unknown")])
    assert facts.of(db, "a") == [Fact("a", "1", b"new")]
    assert facts.of(db, "b") == [Fact("b", "1", b"z")]
    db.close()
