"""What became of one value: where it came from, its context, and what each sink did with it; or why it is not there."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Final

from msgspec import Raw, Struct

from pibridge.config.loaded import Loaded
from pibridge.context.record import Record, json_record
from pibridge.inspection.absence import Absence, Silence, reason
from pibridge.inspection.at_sinks import AtSinks
from pibridge.inspection.covered import covered
from pibridge.inspection.explanation import Explanation, Found, Missing, OfTag
from pibridge.inspection.records import Records
from pibridge.inspection.sightings import Around, Sighting, around
from pibridge.inspection.words import change_in_words, quality_in_words
from pibridge.journal.gaps import Gap
from pibridge.journal.reader import JournalReader
from pibridge.journal.tags import TagBook
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.model.tag import Mode, Tag

_LATEST: Final = 1 << 62
_NEAREST: Final = 5
_LIVE: Final = {"channel": "live, over a channel", "updates": "live, by Stream Updates", "poll": "live, by polling"}


class Known(Struct, frozen=True):
    """What only a running daemon knows. `refused`: why PI refuses to read tags, by number.

    `streams`, `sinks`: what is amiss with each, by name; empty: nothing.
    """

    refused: dict[int, str] = {}
    streams: dict[str, str] = {}
    sinks: dict[str, str] = {}


def explain(
    loaded: Loaded,
    reader: JournalReader,
    name: str,
    moment: int,
    ask: Callable[[Sequence[int]], Known | None] = lambda _: None,
) -> Explanation:
    """Explain a tag, given by name or path, at a time. `ask`: asks the daemon about tags; None: there is none.

    Blocks, for seconds at most. Raises JournalError.
    """
    records = Records(loaded, reader)
    numbers = _meant(records.book, name)
    known = ask(numbers)
    if not numbers:
        missing = Missing(Absence.NO_SUCH_TAG, "no stream has ever selected a tag of this name or path")
        return Explanation(
            asked=name,
            at=ticks.render(moment),
            missing=missing,
            nearest=_nearest_names(records.book, name),
            daemon=known is not None,
        )
    looking = _Looking(loaded, reader, records, known or Known())
    return Explanation(
        asked=name,
        at=ticks.render(moment),
        tags=[looking.at(number, moment) for number in numbers],
        daemon=known is not None,
        notes=looking.notes(has_daemon=known is not None),
    )


def _meant(book: TagBook, name: str) -> list[int]:
    wanted = name.casefold()
    return [
        number
        for number in range(1, len(book) + 1)
        if (tag := book.latest(number)) is not None and wanted in {tag.name.casefold(), tag.path.casefold()}
    ]


def _nearest_names(book: TagBook, name: str) -> list[str]:
    found = {tag.name.casefold(): tag.name for n in range(1, len(book) + 1) if (tag := book.latest(n)) is not None}
    close = get_close_matches(name.casefold(), [each for each in found if abs(len(each) - len(name)) <= len(name) // 2])
    return [found[each] for each in close[:_NEAREST]]


class _Looking:
    """At one journal at one moment."""

    def __init__(self, loaded: Loaded, reader: JournalReader, records: Records, known: Known) -> None:
        self._configuration = loaded.configuration
        self._reader = reader
        self._records = records
        self._known = known
        self._sinks = AtSinks(loaded, reader, records)
        self._selected = reader.selected()
        self._coverage, self._gaps = covered(reader)

    def notes(self, *, has_daemon: bool) -> list[str]:
        """Say what limits the answers."""
        notes = ["filters, assets and batches are judged by the configuration and by what is known of batches now"]
        if self._sinks.has_lost_letters:
            notes.append("some dead letters were dropped, sent again or grew old: such an event counts as delivered")
        if not has_daemon:
            notes.append("no daemon was asked: whether PI refuses a tag now, or a sink cannot deliver, is not known")
        notes += [f"stream {name}: {state}" for name, state in self._known.streams.items() if state]
        return notes + [f"sink {name}: {state}" for name, state in self._known.sinks.items() if state]

    def at(self, number: int, moment: int) -> OfTag:
        """Explain one tag at a time."""
        tag = self._records.book.tag(number, _LATEST)
        found = around(self._reader, number, moment)
        is_selected = number in self._selected.get(tag.stream, ()) or tag.kind == "frame"
        is_selected = is_selected and tag.stream in self._configuration.streams
        joined = self._coverage.joined.get(number)
        return OfTag(
            tag=tag.name,
            path=tag.path,
            web_id=tag.web_id,
            stream=tag.stream,
            mode=tag.mode,
            is_selected=is_selected,
            owed_since="" if joined is None else ticks.render(joined),
            events=[self._event(each, moment, found) for each in found.at or found.nearest],
            missing=None if found.at else self._missing(number, moment, is_selected=is_selected),
            refused=self._known.refused.get(number, ""),
            looked=_reach(found),
        )

    def _missing(self, number: int, moment: int, *, is_selected: bool) -> Missing:
        counts = self._reader.tally()
        arrived = 0
        newest = self._reader.before(counts.next_seq, 1)
        if newest:
            arrived = getattr(self._reader.chunk(newest[0]), "arrived_ticks", 0)
        said = reason(
            Silence(
                ticks=moment,
                joined_ticks=self._coverage.joined.get(number),
                was_read=bool(self._coverage.spans_within(number, moment, moment)),
                gaps=_of(self._gaps, number),
                damaged=self._reader.damaged(),
                dropped=self._reader.dropped(),
                trimmed_ticks=counts.trimmed_ticks,
                arrived_ticks=arrived,
                is_selected=is_selected,
                refused=self._known.refused.get(number, ""),
            )
        )
        return Missing(said.absence, said.text)

    def _event(self, sighting: Sighting, moment: int, found: Around) -> Found:
        event, lane = sighting.event, sighting.lane
        tag = self._records.book.tag(event.tag, _LATEST if sighting.seq is None else sighting.seq)
        alike = [each for each in found.at or found.nearest if each.event.ticks == event.ticks and each.lane is lane]
        record = None if sighting.seq is None else self._records.one(lane, sighting.seq, event)
        surroundings = self._records.surroundings
        asset = surroundings.assets.of(tag)
        hold_until = sighting.arrived_ticks + surroundings.hold_ticks
        return Found(
            seq=sighting.seq,
            lane=lane,
            ts=ticks.render(event.ticks),
            is_at=event.ticks == moment,
            value=event.value,
            quality=quality_in_words(event, tag),
            change=change_in_words(event),
            read=self._read_how(tag, lane),
            arrived=ticks.render(sighting.arrived_ticks),
            stored="" if sighting.seq is None else _time(self._reader.stored_s(sighting.seq)),
            held_until=ticks.render(hold_until) if sighting.seq is None else "",
            asset=asset.path if asset else "",
            asset_by="" if asset is None else "AF or the points file" if tag.asset else "context.assets",
            rule=(surroundings.timeline.rule_of(asset.path) if asset else None) or "",
            batch=_batch(record),
            record=Raw(json_record(record)) if record else Raw(b"null"),
            sinks=self._sinks.of(sighting, is_alone=len(alike) == 1),
        )

    def _read_how(self, tag: Tag, lane: Lane) -> str:
        if tag.kind == "frame":
            return "by looking at PI's event frames"
        if lane is Lane.HISTORY:
            return "from PI's archive"
        if tag.mode is Mode.INTERPOLATED:
            return "live, sampled"
        stream = self._configuration.streams.get(tag.stream)
        return _LIVE.get(stream.via or "", "live") if stream else "live"


def _of(gaps: Iterable[Gap], number: int) -> list[Gap]:
    return [gap for gap in gaps if gap.tag == number]


def _reach(found: Around) -> str:
    if found.reach_ticks is None:
        return ""
    return f"only within {found.reach_ticks / ticks.PER_SECOND:g} s: there is too much in the journal around that time"


def _batch(record: Record | None) -> Raw:
    return Raw(b"null") if record is None or record.batch is None else Raw(record.batch.json.encode())


def _time(seconds: int) -> str:
    return ticks.render(ticks.from_seconds(seconds))
