from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from journal.samples import NOW, NOW_S, events
from pibridge.journal import chunks, schema
from pibridge.journal.chunks import Chunk, Damaged
from pibridge.journal.codec import Packer, Unpacker
from pibridge.journal.tally import Ledger, Tally, save
from pibridge.model.event import Lane


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Give a new journal."""
    db = schema.open_for_writing(tmp_path, "normal")
    yield Ledger(db, Tally(), NOW_S)
    db.close()


def store(ledger: Ledger, lane: Lane, count: int, *, first: int = 0) -> int:
    """Store one chunk; give its position."""
    (part,) = Packer().pack(events(count, first=first))
    rows = chunks.Rows(ledger)
    seq = rows.add(lane, part, NOW)
    rows.write()
    save(ledger.db, ledger.tally)
    return seq


def test_any_number_of_chunks_can_be_stored_together(ledger: Ledger) -> None:
    """More than one statement of SQLite takes."""
    (part,) = Packer().pack(events(1))
    rows = chunks.Rows(ledger)
    assert [rows.add(Lane.LIVE, part, NOW) for _ in range(3000)] == list(range(1, 3001))
    rows.write()
    assert chunks.positions(ledger.db, Lane.LIVE, 0, 9999) == list(range(1, 3001))


def test_positions_are_global_and_contiguous(ledger: Ledger) -> None:
    """Both lanes share the positions."""
    assert [store(ledger, Lane.LIVE, 3), store(ledger, Lane.HISTORY, 2), store(ledger, Lane.LIVE, 1)] == [1, 4, 6]
    assert (ledger.tally.next_seq, ledger.tally.events) == (7, 6)
    assert chunks.positions(ledger.db, Lane.LIVE, 0, 9) == [1, 6]
    assert chunks.positions(ledger.db, Lane.LIVE, 1, 9) == [1, 6]
    assert chunks.positions(ledger.db, Lane.HISTORY, 4, 9) == [4]
    assert chunks.oldest(ledger.db) == 1


def test_a_position_tells_how_many_events_of_its_lane_were_stored(ledger: Ledger) -> None:
    """Counted over all that was ever stored, within chunks too, and across those of the other lane."""
    for lane, count in ((Lane.LIVE, 3), (Lane.HISTORY, 2), (Lane.LIVE, 4)):
        store(ledger, lane, count)
    assert [chunks.passed(ledger, Lane.LIVE, seq) for seq in (0, 1, 3, 5, 6, 9)] == [0, 1, 3, 3, 4, 7]
    assert chunks.passed(ledger, Lane.HISTORY, 9) == 2
    ledger.db.execute("DELETE FROM chunk WHERE seq = 1")
    assert chunks.passed(ledger, Lane.LIVE, 6) == 4
    assert chunks.passed(ledger, Lane.LIVE, 3) == 3, "the next chunk tells it"
    ledger.db.execute("DELETE FROM chunk")
    assert chunks.passed(ledger, Lane.LIVE, 9) == 7, "nothing is left behind it"
    assert (ledger.tally.stored(Lane.LIVE), ledger.tally.stored(Lane.HISTORY)) == (7, 2)


def test_a_chunk_is_read_back(ledger: Ledger) -> None:
    """By position; another lane's is none."""
    seq = store(ledger, Lane.LIVE, 3)
    assert chunks.read(ledger.db, Lane.LIVE, seq, Unpacker()) == Chunk(Lane.LIVE, 1, NOW, events(3))
    assert chunks.read(ledger.db, Lane.HISTORY, seq, Unpacker()) is None
    assert chunks.read(ledger.db, None, 99, Unpacker()) is None


def test_damage_covers_up_to_the_next_chunk(ledger: Ledger) -> None:
    """What a damaged row says of its own length is not believed."""
    seq = store(ledger, Lane.LIVE, 3)
    store(ledger, Lane.HISTORY, 2)
    ledger.db.execute("UPDATE chunk SET events = 999 WHERE seq = ?", (seq,))
    found = chunks.read(ledger.db, Lane.LIVE, seq, Unpacker())
    assert isinstance(found, Damaged)
    assert (found.first_seq, found.last_seq, found.first_ticks) == (1, 3, NOW)


def test_damage_is_noted_once(ledger: Ledger) -> None:
    """However many sinks meet it; once mended it is not told again."""
    damaged = Damaged(1, 3, Lane.LIVE, None, None, "crc")
    assert chunks.set_aside(ledger, [damaged]) == [damaged]
    assert chunks.set_aside(ledger, [damaged]) == []
    assert ledger.tally.damaged_chunks == 1
    assert chunks.unmended(ledger.db) == [damaged]
    chunks.mend(ledger.db, damaged)
    assert chunks.unmended(ledger.db) == []


def test_spanning_finds_all_that_may_matter(ledger: Ledger) -> None:
    """Chunks of both lanes whose times overlap, ends included."""
    store(ledger, Lane.LIVE, 10)
    store(ledger, Lane.HISTORY, 20)
    assert chunks.spanning(ledger.db, NOW + 9, NOW + 9) == [1, 11]
    assert chunks.spanning(ledger.db, NOW + 10, NOW + 99) == [11]
    assert chunks.spanning(ledger.db, NOW + 20, NOW + 99) == []


def test_no_statement_scans_the_chunks(ledger: Ledger) -> None:
    """Opening, reading and looking up take an index, however many chunks there are."""
    said: list[str] = []

    def trace(_: apsw.Cursor, statement: str, __: object) -> bool:
        said.append(statement)
        return True

    store(ledger, Lane.LIVE, 3)
    ledger.db.exec_trace = trace
    chunks.positions(ledger.db, Lane.LIVE, 0, 9)
    chunks.spanning(ledger.db, 0, 9)
    chunks.read(ledger.db, Lane.LIVE, 1, Unpacker())
    chunks.oldest(ledger.db)
    chunks.passed(ledger, Lane.LIVE, 9)
    chunks.passed(ledger, Lane.LIVE, 0)
    ledger.db.exec_trace = None
    about_chunks = {statement for statement in said if "FROM chunk" in statement}
    assert len(about_chunks) == 7
    for statement in about_chunks:
        places = tuple(1 for _ in range(statement.count("?")))
        plan = [str(row[3]) for row in ledger.db.execute(f"EXPLAIN QUERY PLAN {statement}", places)]
        assert not any(line.startswith("SCAN") for line in plan), (statement, plan)


def test_the_newest_events_come_first(ledger: Ledger) -> None:
    """Chunks of both lanes by the time of their newest event, those with events since a time, so many at most."""
    seqs = [
        store(ledger, lane, 10, first=first) for lane, first in ((Lane.LIVE, 100), (Lane.HISTORY, 0), (Lane.LIVE, 200))
    ]
    assert chunks.newest_first(ledger.db, 0, 9) == [seqs[2], seqs[0], seqs[1]]
    assert chunks.newest_first(ledger.db, NOW + 105, 9) == [seqs[2], seqs[0]]
    assert chunks.newest_first(ledger.db, 0, 1) == [seqs[2]]
