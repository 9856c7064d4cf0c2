"""What the deadband of a sink remembers, on disk with the sink's cursors: a restart or a second try finds it as it was.

Each advance of a cursor notes what it changed. The notes are replaced by one that says all when they have become longer
than that. The seal of a batch notes what the deadband kept back of it: the other lane may since have delivered what
would change the verdict, and the same batch has the same records.

Of what a lane has yet to acknowledge the deadband knows the tags as far as the lane has read since it last began a
batch; of what lies ahead of that, only from when to when it is, whatever the tag.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import structlog
import zstandard
from msgspec import MsgspecError, Struct, field, msgpack

from pibridge.context.deadband import OTHER, Deadband, Mark, Marks
from pibridge.context.filters import Filter
from pibridge.context.record import Record
from pibridge.journal.cursors import Cursor
from pibridge.journal.delivered import Note
from pibridge.journal.facts import FactChange
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.model.event import Lane
from pibridge.sinks.contract import Bounds

_FEWEST_BYTES: Final = 1 << 16
"""Notes are replaced by one when they have at least this size."""


class Places(Struct, array_like=True):
    """Some of the positions behind `start`, one bit each."""

    start: int
    bits: bytearray = field(default_factory=bytearray)

    def add(self, seq: int) -> None:
        """Take a position in."""
        byte, bit = divmod(seq - self.start - 1, 8)
        self.bits.extend(bytes(max(0, byte + 1 - len(self.bits))))
        self.bits[byte] |= 1 << bit

    def __contains__(self, seq: int) -> bool:
        byte, bit = divmod(seq - self.start - 1, 8)
        return 0 <= byte < len(self.bits) and bool(self.bits[byte] >> bit & 1)


class _Content(Struct, array_like=True):
    """A note. `width`: of the deadband, as it is written. `cursors`: for which places of the sink it stands.

    `marks`: of an advance, what changed in its lane, whose batch is sealed no longer. `sealed`: what was kept back of
    sealed batches. `since`: behind these positions the deadband began anew, and was asked about every event; empty: it
    is not known. `unsure`: no record behind these positions passed because of what the other lane had on its way.
    """

    width: str
    cursors: Mapping[Lane, int]
    marks: Mapping[Lane, Mapping[int, Mark]]
    sealed: Mapping[Lane, Places]
    since: Mapping[Lane, int] = {}
    unsure: Mapping[Lane, int] = {}


class Delivered(Struct, frozen=True):
    """What the notes of a sink say of all that it delivered behind the positions `since`, up to `cursors`.

    `unsure`: no record behind these positions passed because of what the other lane had on its way.
    """

    width: str
    since: Mapping[Lane, int]
    unsure: Mapping[Lane, int]
    cursors: Mapping[Lane, int]
    marks: Mapping[Lane, Marks]


_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(_Content).decode


class Thinning:
    """Thins out what one sink gets, after its other filters."""

    def __init__(self, journal: Journal, sink: str, admits: Filter, deadband: Deadband) -> None:
        self._journal = journal
        self._sink = sink
        self._admits = admits
        self._deadband = deadband
        self._width = str(deadband.width)
        self._cursors: dict[Lane, int] = {}
        self._read: dict[Lane, int] = {}
        self._kept_back: dict[Lane, Places] = {}
        self._sealed: dict[Lane, Places] = {}
        self._since: Mapping[Lane, int] = {}
        self._whole_bytes = self._notes_bytes = 0
        # One note at a time: one that says all must not leave out what the other lane has on its way.
        self._noting = asyncio.Lock()

    async def load(self) -> None:
        """Remember what is on disk, if it stands for where the sink is."""
        cursors = {lane: await self._journal.cursor(self._sink, lane) for lane in Lane}
        self._cursors = {lane: cursor.seq for lane, cursor in cursors.items()}
        self._read = dict(self._cursors)
        # A batch that is sealed already was judged before.
        self._since = {} if any(cursor.sealed for cursor in cursors.values()) else self._cursors
        notes = await self._journal.notes(self._sink)
        try:
            said = _together([_decode(zstandard.decompress(note)) for note in notes])
        except (zstandard.ZstdError, MsgspecError) as error:
            structlog.get_logger().warning(
                "what was delivered last cannot be read, the deadband starts anew",
                sink=self._sink,
                error=str(error),
                hint="the first value of each tag passes; nothing else is to be done",
            )
            return
        if said is None or said.cursors != self._cursors:
            return  # for a while there was no deadband
        self._sealed = dict(said.sealed)
        if said.width == self._width:
            self._deadband.restore(said.marks)
            self._deadband.passed_unsure.update(said.unsure)
            self._since = said.since
            self._whole_bytes = len(notes[0])
            self._notes_bytes = sum(map(len, notes))

    def begin(self, lane: Lane, cursor: Cursor) -> Filter:
        """Give the filter of a batch behind the cursor; what an earlier try delivered is forgotten."""
        self._deadband.rollback(lane)
        self._read[lane] = cursor.seq
        self._kept_back[lane] = Places(cursor.seq)
        sealed_to = cursor.sealed.last if cursor.sealed else cursor.seq
        # A batch that was sealed without a deadband held all.
        sealed = self._sealed.get(lane, Places(cursor.seq))
        admits, deadband, other = self._admits, self._deadband, OTHER[lane]

        def verdict(record: Record) -> str:
            self._read[lane] = record.seq
            reason = admits(record)
            if reason:
                return reason
            if record.seq > sealed_to:
                is_kept_back = deadband.keeps_back(record, self._journal.feed(other).ahead(self._read[other]))
            else:
                is_kept_back = record.seq in sealed
                if not is_kept_back:
                    deadband.take(record)
            if not is_kept_back:
                return ""
            self._kept_back[lane].add(record.seq)
            return "deadband"

        return verdict

    async def seal(self, bounds: Bounds) -> None:
        """Fix the bounds of a batch, and what was kept back of it; durable on return."""
        lane = bounds.lane
        async with self._noting:
            self._sealed[lane] = self._kept_back[lane]
            note = await self._note(self._cursors, {}, {lane: self._sealed[lane]})
            await self._journal.seal(self._sink, lane, bounds.first, bounds.last, note)
            self._count(note)

    async def advance(
        self,
        lane: Lane,
        seq: int,
        letters: Sequence[DeadLetter] = (),
        refused: Collection[int] = (),
        changes: Sequence[FactChange] = (),
    ) -> None:
        """Acknowledge everything up to position `seq`; durable on return. `refused`: tags of the dead letters."""
        async with self._noting:
            self._deadband.refuse(lane, refused)
            cursors = {**self._cursors, lane: seq}
            note = await self._note(cursors, {lane: self._deadband.tentative(lane)}, {})
            await self._journal.advance(self._sink, lane, seq, letters, note, changes=changes)
            self._count(note)
            self._cursors = cursors
            self._deadband.commit(lane)
            self._read[lane] = seq
            self._kept_back[lane] = Places(seq)
            self._sealed.pop(lane, None)

    async def _note(
        self, cursors: dict[Lane, int], changes: Mapping[Lane, Marks], sealed: Mapping[Lane, Places]
    ) -> Note:
        """Say what changes, or all if that is due."""
        since, unsure = self._since, self._deadband.passed_unsure
        if self._whole_bytes and self._notes_bytes < max(_FEWEST_BYTES, 2 * self._whole_bytes):
            return Note(_packed(_Content(self._width, cursors, changes, sealed, since, unsure)), is_whole=False)
        known = self._deadband.acknowledged
        marks = {lane: {**known(lane), **changes.get(lane, {})} for lane in Lane}
        all_sealed = {lane: places for lane, places in self._sealed.items() if lane not in changes}
        content = _Content(self._width, cursors, marks, all_sealed, since, dict(unsure))
        said = await asyncio.to_thread(_packed, content)
        return Note(said, is_whole=True)

    def _count(self, note: Note) -> None:
        """Count what is on disk now."""
        if note.is_whole:
            self._whole_bytes = self._notes_bytes = len(note.content)
        else:
            self._notes_bytes += len(note.content)


def _packed(content: _Content) -> bytes:
    return zstandard.compress(_encode(content), level=1)


def _together(notes: Sequence[_Content]) -> _Content | None:
    """Give what the notes say together: the first all that was, the others what changed."""
    if not notes:
        return None
    first, *others = notes
    marks = {lane: dict(first.marks.get(lane, {})) for lane in Lane}
    sealed = dict(first.sealed)
    for note in others:
        for lane, changes in note.marks.items():
            marks[lane].update(changes)
            sealed.pop(lane, None)
        sealed.update(note.sealed)
    newest = notes[-1]
    return _Content(newest.width, newest.cursors, marks, sealed, first.since, newest.unsure)


def delivered(notes: Sequence[bytes]) -> Delivered | None:
    """Give what the notes of a sink say. None: there are none, or they cannot be read."""
    try:
        said = _together([_decode(zstandard.decompress(note)) for note in notes])
    except (zstandard.ZstdError, MsgspecError):
        return None
    return None if said is None else Delivered(said.width, said.since, said.unsure, said.cursors, said.marks)
