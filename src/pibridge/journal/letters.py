"""Dead letters: what sinks refused for good. They stay until they are dropped, sent again, old or in the way."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import apsw
import msgspec
import structlog
from msgspec import Meta, Struct

from pibridge.journal.chunks import UNREADABLE
from pibridge.journal.tally import Ledger, Tally
from pibridge.model.event import Event, Lane

_log = structlog.get_logger()

ANY_TIME_S: Final = 1 << 62
_ANY_ID: Final = 1 << 62
_LARGEST_PART: Final = 1000
_LARGEST_PART_BYTES: Final = 256 << 10


class DeadLetter(Struct, frozen=True, array_like=True):
    """An event that a sink will never take. `reason`: in its words. `line`: the record as it was to be sent.

    `event`: of which the record is made anew; None: an earlier format did not keep it. `tries`: how often refused.
    """

    seq: int
    reason: str
    line: bytes
    event: Event | None = None
    tries: int = 1


class Kept(Struct, frozen=True):
    """A dead letter in the journal. `id`: grows with each refusal. `stored_s`: Unix time of the refusal."""

    id: int
    sink: str
    lane: Lane
    stored_s: int
    letter: DeadLetter


class Wanted(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which dead letters of a sink are meant.

    `reason`: is part of theirs, in any case. `seqs`: these; none: all. `before_s`: refused before this Unix time.
    `upto`: the last id, so that what is refused later is not meant.
    """

    sink: Annotated[str, Meta(min_length=1)]
    reason: str = ""
    seqs: tuple[int, ...] = ()
    before_s: int = ANY_TIME_S
    upto: int = _ANY_ID


class Found(Struct, frozen=True):
    """Where a dead letter is, and how large. `is_whole`: its event is kept, it can be sent again."""

    id: int
    lane: Lane
    seq: int
    size_bytes: int
    is_whole: bool


class Part(Struct, frozen=True):
    """Dead letters of one sink and lane on their way again, by position: one batch, always the same."""

    id: int
    sink: str
    lane: Lane
    letters: list[DeadLetter]


class Count(Struct, frozen=True):
    """Of one sink: dead letters kept, the reason of the newest, and how many are on their way again."""

    kept: int = 0
    newest_reason: str = ""
    resending: int = 0


_pack_event: Final = msgspec.msgpack.Encoder().encode
_unpack_event: Final = msgspec.msgpack.Decoder(Event).decode
_unpack_letters: Final = msgspec.msgpack.Decoder(list[DeadLetter]).decode

_SIZE: Final = "64 + length(reason) + length(line) + length(coalesce(event, ''))"  # 64: the row around them, roughly
_MEANT: Final = """sink = :sink AND id > :after AND id <= :upto AND stored_s < :before_s
    AND instr(lower(reason), lower(:reason)) AND (:seqs = '[]' OR seq IN (SELECT value FROM json_each(:seqs)))"""
_COLUMNS: Final = "seq, reason, line, event, tries"
_IDS: Final = "id IN (SELECT value FROM json_each(?))"


def add(ledger: Ledger, sink: str, lane: Lane, letters: Sequence[DeadLetter], largest_bytes: int) -> None:
    """Keep these, and the newest `largest_bytes` of all."""
    for letter in letters:
        event = None if letter.event is None else _pack_event(letter.event)
        size_bytes: int = ledger.db.execute(
            f"""INSERT INTO dead_letter (sink, lane, stored_s, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                RETURNING {_SIZE}""",  # noqa: S608 - our own words
            (sink, lane.value, int(ledger.now_s), letter.seq, letter.reason, letter.line, event, letter.tries),
        ).get
        ledger.tally.dead_bytes += size_bytes
    while ledger.tally.dead_bytes > largest_bytes and forget_old(ledger):
        pass


def forget_old(ledger: Ledger, *, before_s: int = ANY_TIME_S) -> int:
    """Remove some of the oldest, if stored before a time; give how many."""
    oldest = ledger.db.execute("SELECT id, stored_s FROM dead_letter ORDER BY id LIMIT 256")
    return remove(ledger, [letter_id for letter_id, stored_s in oldest if stored_s < before_s])


def remove(ledger: Ledger, ids: Sequence[int]) -> int:
    """Remove those of these that are still there; give how many."""
    rows = ledger.db.execute(
        f"DELETE FROM dead_letter WHERE {_IDS} RETURNING {_SIZE}",  # noqa: S608 - our own words
        (_json(ids),),
    )
    removed_bytes = [size_bytes for (size_bytes,) in rows]
    ledger.tally.dead_bytes -= sum(removed_bytes)
    return len(removed_bytes)


def read(db: apsw.Connection, wanted: Wanted, after: int, limit: int) -> list[Kept]:
    """Give those that are meant, with ids behind `after`, in the order of their refusals."""
    rows = db.execute(
        f"SELECT id, sink, lane, stored_s, {_COLUMNS} FROM dead_letter WHERE {_MEANT} ORDER BY id LIMIT :limit",  # noqa: S608 - as above
        _binding(wanted, after, limit),
    )
    return [
        Kept(letter_id, sink, Lane(lane), stored_s, _letter(*row)) for letter_id, sink, lane, stored_s, *row in rows
    ]


def find(db: apsw.Connection, wanted: Wanted) -> list[Found]:
    """Give where those are that are meant, by lane and position."""
    rows = db.execute(
        f"SELECT id, lane, seq, {_SIZE}, event IS NOT NULL FROM dead_letter WHERE {_MEANT}",  # noqa: S608 - as above
        _binding(wanted, 0, 0),
    )
    found = [Found(letter_id, Lane(lane), seq, size, bool(whole)) for letter_id, lane, seq, size, whole in rows]
    return sorted(found, key=lambda each: (each.lane, each.seq, each.id))


def parts(found: Sequence[Found]) -> Iterator[list[Found]]:
    """Give them as parts of one lane each, small enough for one transaction."""
    part: list[Found] = []
    part_bytes = 0
    for each in found:
        is_full = len(part) == _LARGEST_PART or part_bytes + each.size_bytes > _LARGEST_PART_BYTES
        if part and (is_full or part[0].lane is not each.lane):
            yield part
            part, part_bytes = [], 0
        part.append(each)
        part_bytes += each.size_bytes
    if part:
        yield part


def move(ledger: Ledger, sink: str, lane: Lane, ids: Sequence[int]) -> int:
    """Put those of these that are still there on their way again, as one part; give how many."""
    rows = ledger.db.execute(
        f"SELECT {_COLUMNS} FROM dead_letter WHERE {_IDS} ORDER BY seq, id",  # noqa: S608 - as above
        (_json(ids),),
    )
    letters = [_letter(*row) for row in rows]
    moved = remove(ledger, ids)  # first: its pages are needed in a journal at its limit
    if letters:
        ledger.db.execute(
            "INSERT INTO resend (sink, lane, letters, packed) VALUES (?, ?, ?, ?)",
            (sink, lane.value, len(letters), msgspec.msgpack.encode(letters)),
        )
    return moved


def next_part(db: apsw.Connection, sink: str) -> Part | None:
    """Give what goes next of that which was put on its way."""
    row = db.execute("SELECT id, lane, packed FROM resend WHERE sink = ? ORDER BY id LIMIT 1", (sink,)).fetchone()
    return None if row is None else Part(row[0], sink, Lane(row[1]), _unpack_letters(row[2]))


def on_their_way(db: apsw.Connection, sink: str) -> list[DeadLetter]:
    """Give all that was put on its way to a sink again."""
    rows = db.execute("SELECT packed FROM resend WHERE sink = ? ORDER BY id", (sink,))
    return [letter for (packed,) in rows for letter in _unpack_letters(packed)]


def settle(ledger: Ledger, part: Part, refused: Sequence[DeadLetter], largest_bytes: int) -> None:
    """Note that a part has left, but for what was refused again."""
    ledger.db.execute("DELETE FROM resend WHERE id = ?", (part.id,))
    add(ledger, part.sink, part.lane, refused, largest_bytes)


class Counting:
    """Counts the dead letters of each sink; those that are kept, only if something has changed."""

    def __init__(self) -> None:
        self._as_of: tuple[int, int] | None = None
        self._kept: dict[str, Count] = {}
        self._is_damaged = False

    def __call__(self, db: apsw.Connection, tally: Tally) -> dict[str, Count]:
        """Give the counts by sink; what is on a damaged page is not counted."""
        try:
            return self._count(db, tally)
        except UNREADABLE as error:
            if not self._is_damaged:
                self._is_damaged = True
                _log.error(
                    "dead letters cannot be counted: a page of the journal is damaged",
                    error=str(error),
                    hint="check the disk: pibridge journal verify",
                )
            return self._kept

    def _count(self, db: apsw.Connection, tally: Tally) -> dict[str, Count]:
        as_of = tally.dead_letters, tally.dead_bytes
        if as_of != self._as_of:
            self._as_of, self._kept = as_of, _kept(db)
        counts = dict(self._kept)
        for sink, resending in db.execute("SELECT sink, sum(letters) FROM resend GROUP BY sink"):
            counts[sink] = msgspec.structs.replace(counts.get(sink, Count()), resending=resending)
        return counts


def _kept(db: apsw.Connection) -> dict[str, Count]:
    rows = db.execute(
        """SELECT groups.sink, kept, reason
           FROM (SELECT sink, count(*) AS kept, max(id) AS newest FROM dead_letter GROUP BY sink) AS groups
           JOIN dead_letter ON id = newest"""
    )
    return {sink: Count(kept, reason) for sink, kept, reason in rows}


def _letter(seq: int, reason: str, line: bytes, event: bytes | None, tries: int) -> DeadLetter:
    return DeadLetter(seq, reason, line, None if event is None else _unpack_event(event), tries)


def _binding(wanted: Wanted, after: int, limit: int) -> dict[str, str | int]:
    return {
        "sink": wanted.sink,
        "reason": wanted.reason,
        "seqs": _json(wanted.seqs),
        "before_s": wanted.before_s,
        "upto": wanted.upto,
        "after": after,
        "limit": limit,
    }


def _json(numbers: Sequence[int]) -> str:
    return msgspec.json.encode(numbers).decode()
