"""Whether the file holds what was written. Read only, and no read is so long that it is in a daemon's way."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import apsw
from msgspec import MsgspecError, Struct, field, msgpack

from pibridge.journal import chunks, cursors, held, newest, pages, schema, tally
from pibridge.journal.chunks import Damaged
from pibridge.journal.codec import Unpacker
from pibridge.journal.letters import DeadLetter
from pibridge.journal.tally import Tally
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Tag

_STEP_PAGES: Final = 256
_STEP_CHUNKS: Final = 512
_LONGEST_READ_S: Final = 0.5
"""How long a read may take while somebody writes: the write-ahead log cannot be emptied meanwhile."""
_PROGRESS_STEPS: Final = 10_000
_MOST_FAULTS: Final = 50


class Area(Struct, kw_only=True):
    """One part of the journal. `looked_at`: so many of what it is made of. `faults`: what is wrong, a line each.

    `left`: why it was not looked at as a whole; empty: it was.
    """

    name: str
    looked_at: int = 0
    faults: list[str] = field(default_factory=list)
    left: str = ""


class _Place(Struct, frozen=True):
    """What the index says of a chunk."""

    seq: int
    lane: Lane
    before: int
    events: int

    @property
    def last_seq(self) -> int:
        return self.seq + self.events - 1


_Progress = Callable[[str, int, int], None]


def verify(folder: Path, progress: _Progress = lambda _name, _done, _all: None) -> Iterator[Area]:
    """Look at each part of the journal in `folder`, one after the other. Raises JournalError: it cannot be opened.

    `progress` is told the part, how much of it was looked at, and of how much.
    """
    with closing(schema.open_for_reading(folder)) as db:
        yield _pages(db, folder / schema.FILE_NAME, progress)
        yield _structure(db, folder)
        walk = _Walk(db, progress)
        yield _checked("chunks", walk.read)
        yield _checked("positions", walk.compare)
        yield _checked("held events", partial(_held, db, walk.numbers))
        yield _checked("tags", partial(_tags, db, walk.numbers))
        yield _checked("cursors", partial(_cursors, db))
        yield _checked("gaps", partial(_gaps, db))
        yield _checked("dead letters", partial(_letters, db))
        yield _checked("newest events", partial(_newest, db))


def _checked(name: str, look: Callable[[Area], None]) -> Area:
    area = Area(name=name)
    try:
        look(area)
    except chunks.UNREADABLE as error:
        area.faults.append(f"a page cannot be read: {error}")
    if len(area.faults) > _MOST_FAULTS:
        area.faults[_MOST_FAULTS:] = [f"and {len(area.faults) - _MOST_FAULTS} more"]
    return area


def _pages(db: apsw.Connection, file: Path, progress: _Progress) -> Area:
    """Have the checksum of each page in the file compared; what is still in the log SQLite compares itself."""

    def look(area: Area) -> None:
        count = file.stat().st_size // schema.PAGE_BYTES
        for number in range(count):
            if not _is_whole(db, number):
                area.faults.append(f"page {number + 1} is not what was written")
            area.looked_at += 1
            if not number % _STEP_PAGES:
                progress(area.name, number, count)

    if not pages.has_checksums(db):
        return Area(name="pages", left="this journal was made without page checksums")
    return _checked("pages", look)


def _is_whole(db: apsw.Connection, number: int) -> bool:
    # A page may be just being written: then the next look finds it whole.
    for pause_s in (0.0, 0.01, 0.1):
        time.sleep(pause_s)
        try:
            db.read("main", 0, number * schema.PAGE_BYTES, schema.PAGE_BYTES)
        except chunks.UNREADABLE:
            continue
        return True
    return False


def _structure(db: apsw.Connection, folder: Path) -> Area:
    """Have SQLite compare tables, indexes and free pages, in one read; given up when it would be in somebody's way."""
    area = Area(name="structure")
    with closing(schema.open_for_reading(folder)) as other:
        begin_s, version = time.monotonic(), other.pragma("data_version")

        def is_in_the_way() -> bool:
            return time.monotonic() - begin_s > _LONGEST_READ_S and other.pragma("data_version") != version

        db.set_progress_handler(is_in_the_way, _PROGRESS_STEPS)
        try:
            rows = db.execute(f"PRAGMA integrity_check({_MOST_FAULTS})").fetchall()
            area.faults = [line for (text,) in rows for line in str(text).splitlines() if line != "ok"]
            area.looked_at = 1
        except apsw.InterruptError:
            area.left = f"a daemon writes, and one read of more than {_LONGEST_READ_S:g} s would be in its way"
        except chunks.UNREADABLE as error:
            area.faults.append(str(error))
        finally:
            db.set_progress_handler(None)
    return area


class _Walk:
    """Through every chunk that is there now. `numbers`: of the tags whose events were found."""

    def __init__(self, db: apsw.Connection, progress: _Progress) -> None:
        self.numbers: set[int] = set()
        self._db = db
        self._progress = progress
        self._counts: Tally | None = None
        self._places: list[_Place] = []
        self._broken: set[int] = set()

    def read(self, area: Area) -> None:
        """Decode them all."""
        unpacker = Unpacker()
        counts = self._counts = tally.load(self._db)
        noted = set(self._db.execute("SELECT first_seq FROM damaged"))
        self._places = [place for lane in Lane for place in _places(self._db, lane, counts.next_seq)]
        for place in sorted(self._places, key=_seq_of):
            found = chunks.read(self._db, None, place.seq, unpacker)
            if isinstance(found, Damaged):
                self._broken.add(place.seq)
                set_aside = "; it was set aside" if (place.seq,) in noted else ""
                area.faults.append(f"events {place.seq} to {place.last_seq} of {place.lane}: {found.reason}{set_aside}")
            elif found is not None:  # else: retention took it meanwhile
                if (found.lane, len(found.events)) != (place.lane, place.events):
                    area.faults.append(f"events {place.seq} to {place.last_seq}: the index says otherwise than the row")
                self.numbers.update(event.tag for event in found.events)
            area.looked_at += 1
            if not area.looked_at % _STEP_CHUNKS:
                self._progress(area.name, area.looked_at, len(self._places))

    def compare(self, area: Area) -> None:
        """Compare their places with each other and with the counts."""
        if self._counts is None:
            area.left = "the counts of the journal cannot be read"
            return
        area.looked_at = sum(place.events for place in self._places)
        for lane in Lane:
            places = [place for place in self._places if place.lane is lane]
            area.faults += _chain(places, self._counts.stored(lane), self._broken)
        area.faults += _overlaps(self._places)
        if not self._broken and not area.faults:
            area.faults += _uncovered(self._places, self._counts)


def _places(db: apsw.Connection, lane: Lane, below: int) -> list[_Place]:
    """Give the chunks of a lane from the index alone, in short reads."""
    places: list[_Place] = []
    while rows := list(
        db.execute(
            """SELECT seq, before, events FROM chunk INDEXED BY chunk_lane
               WHERE lane = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?""",
            (lane.value, places[-1].seq if places else 0, below, _STEP_CHUNKS),
        )
    ):
        if places and not _is_there(db, places[-1]):
            places.clear()  # retention has overtaken us: between it and what follows others may be gone
        else:
            places += [_Place(seq, lane, before, events) for seq, before, events in rows]
    return places


def _is_there(db: apsw.Connection, place: _Place) -> bool:
    found = db.execute("SELECT 1 FROM chunk INDEXED BY chunk_lane WHERE lane = ? AND seq = ?", (place.lane, place.seq))
    return found.get is not None


def _chain(places: Sequence[_Place], stored: int, broken: set[int]) -> Iterator[str]:
    """Tell where events of one lane are missing between two chunks, or at the end."""
    for one, two in pairwise(places):
        missing = two.before - one.before - one.events
        if missing and one.seq not in broken:
            yield f"{missing} events of {one.lane} are missing between {one.last_seq} and {two.seq}"
    if places and (missing := stored - places[-1].before - places[-1].events):
        yield f"{missing} events of {places[-1].lane} are missing behind {places[-1].last_seq}"


def _overlaps(places: Iterable[_Place]) -> Iterator[str]:
    for one, two in pairwise(sorted(places, key=_seq_of)):
        if two.seq <= one.last_seq:
            yield f"the chunks {one.seq} and {two.seq} overlap"


def _uncovered(places: Sequence[_Place], counts: Tally) -> Iterator[str]:
    """Tell of positions that no lane has, where all that was ever stored is still there."""
    firsts = [min((p.seq for p in places if p.lane is lane), default=None) for lane in Lane if counts.stored(lane)]
    if not firsts or None in firsts:
        return  # all of a lane is gone: any position may have been its
    start = max(first for first in firsts if first is not None)
    missing = counts.next_seq - start - sum(place.events for place in places if place.seq >= start)
    if missing:
        yield f"{missing} positions behind {start} belong to no lane"


def _held(db: apsw.Connection, numbers: set[int], area: Area) -> None:
    for item in held.load(db):
        if isinstance(item, Damaged):
            area.faults.append(f"held events {-item.first_seq}: {item.reason}")
        else:
            numbers.update(event.tag for event in item.events)
            area.looked_at += len(item.events)


def _tags(db: apsw.Connection, numbers: set[int], area: Area) -> None:
    """Compare the dictionary with itself, and with the numbers that events have."""
    known: set[int] = set()
    next_seq, decode = tally.load(db).next_seq, msgpack.Decoder(Tag).decode
    for number, since, description in db.execute("SELECT number, since, description FROM tag"):
        known.add(number)
        area.looked_at += 1
        try:
            decode(description)
        except MsgspecError as error:
            area.faults.append(f"the description of tag {number} since {since}: {error}")
        if since > next_seq:
            area.faults.append(f"a description of tag {number} is valid since {since}, which is beyond the end")
    area.faults += [
        f"tag {number} is not described" for number in range(1, max(known, default=0)) if number not in known
    ]
    area.faults += [f"events have the tag {number}, which is not described" for number in sorted(numbers - known)]


def _cursors(db: apsw.Connection, area: Area) -> None:
    # In this order: what is acknowledged was stored before.
    found = cursors.load(db)
    counts = tally.load(db)
    for (sink, lane), cursor in found.items():
        area.looked_at += 1
        if not 0 <= cursor.seq < counts.next_seq:
            area.faults.append(f"{sink}, {lane}: at {cursor.seq}, but the journal ends at {counts.next_seq - 1}")
        if not 0 <= cursor.passed <= counts.stored(lane):
            area.faults.append(f"{sink}, {lane}: {cursor.passed} events passed of {counts.stored(lane)} ever stored")
        sealed = cursor.sealed
        if sealed is not None and not cursor.seq < sealed.first <= sealed.last < counts.next_seq:
            area.faults.append(
                f"{sink}, {lane}: a batch from {sealed.first} to {sealed.last}, the cursor at {cursor.seq}"
            )


def _gaps(db: apsw.Connection, area: Area) -> None:
    rows = db.execute("SELECT id, gap.tag, start_ticks, end_ticks, number FROM gap LEFT JOIN tag ON number = gap.tag")
    for gap_id, number, start_ticks, end_ticks, described in rows:
        area.looked_at += 1
        if described is None:
            area.faults.append(f"gap {gap_id} is of tag {number}, which is not described")
        if end_ticks is not None and end_ticks < start_ticks:
            area.faults.append(f"gap {gap_id} of tag {number} ends before it starts")


def _letters(db: apsw.Connection, area: Area) -> None:
    decode = msgpack.Decoder(Event).decode
    for letter_id, event in db.execute("SELECT id, event FROM dead_letter"):
        area.looked_at += 1
        try:
            if event is not None:
                decode(event)
        except MsgspecError as error:
            area.faults.append(f"dead letter {letter_id}: {error}")
    decode_part = msgpack.Decoder(list[DeadLetter]).decode
    for part_id, count, packed in db.execute("SELECT id, letters, packed FROM resend"):
        area.looked_at += count
        try:
            found = len(decode_part(packed))
        except MsgspecError as error:
            area.faults.append(f"dead letters on their way again, part {part_id}: {error}")
        else:
            if found != count:
                area.faults.append(f"dead letters on their way again, part {part_id}: {found} of {count} are there")


def _newest(db: apsw.Connection, area: Area) -> None:
    _, is_whole = newest.load(db, db.execute("SELECT coalesce(max(number), 0) FROM tag").get)
    area.looked_at = db.execute("SELECT count(*) FROM newest").get
    if not is_whole:
        area.faults.append("a page of the newest events is damaged; the next start reads all chunks in its place")


def _seq_of(place: _Place) -> int:
    return place.seq
