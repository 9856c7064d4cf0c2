"""What became of an event at each sink: the facts of the journal, and the verdict that follows from them."""

from collections.abc import Iterator
from typing import Final

from pibridge.config.loaded import Loaded
from pibridge.context import filters
from pibridge.context.record import Record
from pibridge.delivery import thinning
from pibridge.delivery.thinned import always_passes, asked_again, by_marks
from pibridge.delivery.verdict import Facts, Verdict, verdict
from pibridge.inspection.explanation import AtSink
from pibridge.inspection.in_replays import InReplays, replay_of
from pibridge.inspection.records import Records
from pibridge.inspection.sightings import Sighting
from pibridge.journal.chunks import Chunk
from pibridge.journal.letters import Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import Lane

_MOST_CHUNKS: Final = 2000
"""Gone through once more to know what a deadband said: a few seconds' work."""
_AHEAD_TICKS: Final = 600 * ticks.PER_SECOND
"""PI takes values up to ten minutes ahead of its clock."""
_THINNED: Final = {None: "not known", True: "keeps back", False: "passes"}


class AtSinks:
    """Judges by the configuration as it is now, and by what the journal knows now. Raises JournalError."""

    def __init__(self, loaded: Loaded, reader: JournalReader, records: Records) -> None:
        self._configuration = loaded.configuration
        self._reader = reader
        self._records = records
        self._settings = loaded.configuration.sink_filters()
        self._cursors = reader.cursors()
        self._in_replays = InReplays(loaded.configuration, reader.replays(), records)
        counts = reader.count_dead_letters()
        kept = sum(count.kept + count.resending for count in counts.values())
        self.has_lost_letters = reader.tally().dead_letters > kept

    def of(self, sighting: Sighting, *, is_alone: bool) -> dict[str, AtSink]:
        """Give it for each sink. `is_alone`: its lane has no other event of the tag at that time."""
        return {name: self._at(name, sighting, is_alone=is_alone) for name in sorted(self._settings)}

    def _at(self, name: str, sighting: Sighting, *, is_alone: bool) -> AtSink:
        lane, seq = sighting.lane, sighting.seq
        cursor = self._cursors.get((name, lane))
        if seq is None:
            return AtSink(
                verdict=verdict(Facts(seq=None)),
                why="waits for its context before any sink is given it",
                cursor=None if cursor is None else cursor.seq,
            )
        record = self._records.one(lane, seq, sighting.event)
        key = filters.build(self._settings[name])(record)
        has_deadband = not key and bool(self._settings[name].deadband.amount)
        is_thinned = self._is_thinned(name, record, is_alone=is_alone) if has_deadband else False
        letters = {
            replay_of(kept.letter): kept.letter for kept in self._reader.dead_letters(Wanted(sink=name, seqs=(seq,)))
        }
        resending = {replay_of(each) for each in self._reader.resending(name) if each.seq == seq}
        facts = Facts(
            seq=seq,
            began=self._reader.begun(name).get(lane, 0),
            cursor=None if cursor is None else cursor.seq,
            is_resending="" in resending,
            is_refused="" in letters,
            withheld_by=key,
            is_thinned=is_thinned,
        )
        key = key or ("deadband" if is_thinned else "")
        written = self._configuration.filter_key(name, key) if key else ""
        return AtSink(
            verdict=verdict(facts),
            why=_why(facts, written, letters[""].reason if facts.is_refused else ""),
            key=written,
            deadband=_THINNED[is_thinned] if has_deadband else "none",
            cursor=facts.cursor,
            replays=self._in_replays.of(name, sighting, letters, resending),
        )

    def _is_thinned(self, name: str, record: Record, *, is_alone: bool) -> bool | None:
        """Tell whether the deadband kept a record back. None: it is not known, or not decided yet."""
        settings, lane = self._settings[name], record.context.lane
        if always_passes(record, settings):
            return False
        said = thinning.delivered(self._reader.notes(name))
        cursors = {lane: cursor.seq for (sink, lane), cursor in self._cursors.items() if sink == name}
        if said is None or said.width != str(settings.deadband) or said.cursors != cursors:
            return None
        if not said.since.get(lane, record.seq) < record.seq <= cursors[lane]:
            return None
        number = record.event.tag
        told = by_marks(record, said.marks[lane].get(number), is_alone=is_alone)
        is_alone_in_lane = all(number not in said.marks[other] for other in Lane if other is not lane)
        if told is None and is_alone_in_lane and not self._may_be_refused(name, number, record.seq):
            told = self._asked_again(name, record, said.since[lane], said.unsure.get(lane, 0))
        return told

    def _asked_again(self, name: str, record: Record, since: int, unsure: int) -> bool | None:
        """Ask again behind all that passed because of the other lane, which nothing tells any more."""
        lane, settings = record.context.lane, self._settings[name]
        starts = [seq for seq in reversed(self._reader.before(record.seq + 1, _MOST_CHUNKS)) if seq + 1 > since]
        after = max(unsure, since if len(starts) < _MOST_CHUNKS else max(since, starts[0] - 1))
        first = next(iter(self._reader.read(lane, after, 1)), None)
        if not isinstance(first, Chunk):
            return None
        latest = None if after == since and self._has_all_behind(lane, since) else first.arrived_ticks + _AHEAD_TICKS
        passing = filters.build(settings)
        return asked_again(
            (each for each in self._of_tag(record, after) if not passing(each)),
            record.seq,
            settings,
            latest_ticks=latest,
        )

    def _may_be_refused(self, name: str, number: int, below: int) -> bool:
        """Tell whether the sink may have refused an event of a tag before a position."""
        letters = [kept.letter for kept in self._reader.dead_letters(Wanted(sink=name))]
        letters += self._reader.resending(name)
        known = any(
            each.seq < below and (each.event is None or each.event.tag == number) and not replay_of(each)
            for each in letters
        )
        return known or self.has_lost_letters

    def _has_all_behind(self, lane: Lane, seq: int) -> bool:
        """Tell whether nothing of a lane behind a position was removed."""
        counts = self._reader.tally()
        oldest = next(iter(self._reader.read(lane, 0, 1)), None)
        was_never_removed = not counts.trimmed_ticks and not counts.dropped_events
        return was_never_removed or (oldest is not None and _first_seq(oldest) <= seq + 1)

    def _of_tag(self, record: Record, after: int) -> Iterator[Record]:
        """Give the records of its tag in its lane from a position on, up to itself."""
        for chunk in self._reader.chunks(record.context.lane, after):
            if not isinstance(chunk, Chunk) or chunk.first_seq > record.seq:
                return
            for seq, event in enumerate(chunk.events, chunk.first_seq):
                if event.tag == record.event.tag and seq <= record.seq:
                    yield self._records.one(chunk.lane, seq, event)


def _first_seq(item: object) -> int:
    return item.first_seq if isinstance(item, Chunk) else 1 << 62


def _why(facts: Facts, key: str, reason: str) -> str:
    """Say why, in words."""
    found = verdict(facts)
    if found is Verdict.WAITING:
        would = f"{key} would keep it back" if key else "its filter lets it pass"
        if facts.is_thinned is None:
            would = "its deadband decides when the turn comes"
        return f"the sink has acknowledged up to seq {facts.cursor}; {would}"
    return {
        Verdict.HELD: "",
        Verdict.NOT_BEGUN: "the sink has no place in the journal yet: the daemon was not started with it",
        Verdict.NOT_OWED: f"the sink began behind seq {facts.began} (from: now)",
        Verdict.RESENDING: "it was refused, and waits to be sent again",
        Verdict.REFUSED: f"a dead letter: {reason}",
        Verdict.WITHHELD: f"{key} keeps it back",
        Verdict.UNCERTAIN: "delivered, or kept back by the deadband: that is not known any more",
        Verdict.DELIVERED: f"the sink has acknowledged up to seq {facts.cursor}, and its filter lets it pass",
    }[found]
