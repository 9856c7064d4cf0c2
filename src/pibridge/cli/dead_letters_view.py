"""What `pibridge dead-letters` shows."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from rich.markup import escape
from rich.table import Table

from pibridge.journal.letters import Kept
from pibridge.model import ticks

_MOST_REASONS: Final = 10
_LONGEST_REASON: Final = 72


class _Line(msgspec.Struct):
    """What is shown of a record. A frame has no tag."""

    stream: str = ""
    tag: str = ""


_read_line: Final = msgspec.json.Decoder(_Line).decode


@dataclass
class Summary:
    """Some dead letters of one sink, counted. `newest`: the last ones, as they were refused."""

    newest: deque[Kept]
    letters: int = 0
    bytes: int = 0
    last_id: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    seqs: tuple[int, int] = (0, 0)
    times: tuple[int, int] | None = None
    refused_s: tuple[int, int] = (0, 0)

    def take(self, kept: Kept) -> None:
        """Count one more."""
        letter, is_first = kept.letter, not self.letters
        self.newest.append(kept)
        self.letters += 1
        self.bytes += len(letter.line)
        self.last_id = kept.id
        self.reasons[letter.reason] += 1
        self.seqs = _wider(None if is_first else self.seqs, letter.seq)
        self.refused_s = _wider(None if is_first else self.refused_s, kept.stored_s)
        if letter.event is not None:
            self.times = _wider(self.times, letter.event.ticks)

    def text(self) -> str:
        """Give it as a line."""
        if not self.letters:
            return "no such dead letters"
        span = f", events of {_span(self.times)}" if self.times else ""
        return f"{self.letters} dead letters, {self.bytes} bytes, seq {self.seqs[0]} to {self.seqs[1]}{span}"

    def told(self) -> dict[str, Any]:
        """Give it for programs."""
        told: dict[str, Any] = {"dead_letters": self.letters, "bytes": self.bytes}
        if self.letters:
            told |= {"first_seq": self.seqs[0], "last_seq": self.seqs[1]}
            told |= {"first_refused": _time(self.refused_s[0]), "last_refused": _time(self.refused_s[1])}
        if self.times:
            told |= {"first_ts": ticks.render(self.times[0]), "last_ts": ticks.render(self.times[1])}
        told["reasons"] = dict(self.reasons.most_common())
        return told | {"newest": [msgspec.Raw(exported(kept)) for kept in self.newest]}


def summary_of(letters: Iterable[Kept], newest: int = 0) -> Summary:
    """Count dead letters and keep so many of the newest."""
    summary = Summary(deque(maxlen=newest))
    for kept in letters:
        summary.take(kept)
    return summary


def exported(kept: Kept) -> bytes:
    """Give a dead letter as JSON: `record` is what was to be sent."""
    letter = kept.letter
    return msgspec.json.encode(
        {
            "sink": kept.sink,
            "seq": letter.seq,
            "refused": _time(kept.stored_s),
            "reason": letter.reason,
            "tries": letter.tries,
            "record": msgspec.Raw(letter.line),
        }
    )


def sinks_table(found: Mapping[str, Summary], resending: Mapping[str, int]) -> Table:
    """Give a row for each sink and reason."""
    table = _table("dead letters", "sink", "letters", "reason", "seq", "events of", "refused")
    for name, summary in found.items():
        if summary.letters:
            table.add_row(escape(name), str(summary.letters), "all", *_spans(summary))
        for reason, count in summary.reasons.most_common(_MOST_REASONS):
            table.add_row("", str(count), escape(reason))
        if len(summary.reasons) > _MOST_REASONS:
            table.add_row("", "", f"and {len(summary.reasons) - _MOST_REASONS} more reasons")
        if resending.get(name):
            table.add_row(escape(name), str(resending[name]), "wait to be sent again")
    if not table.row_count:
        table.add_row("none")
    return table


def letters_table(newest: Sequence[Kept]) -> Table:
    """Give a row for each letter."""
    table = _table("the newest", "sink", "seq", "tag or stream", "event of", "refused", "tries", "reason")
    for kept in newest:
        letter = kept.letter
        line = _read_line(letter.line)
        time = ticks.render(letter.event.ticks) if letter.event else ""
        shown = (kept.sink, letter.seq, line.tag or line.stream, time, _time(kept.stored_s), letter.tries)
        table.add_row(*(escape(str(each)) for each in shown), escape(letter.reason[:_LONGEST_REASON]))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _spans(summary: Summary) -> tuple[str, str, str]:
    first, last = summary.refused_s
    times = _span(summary.times) if summary.times else ""
    return f"{summary.seqs[0]} to {summary.seqs[1]}", times, f"{_time(first)} to {_time(last)}"


def _span(times: tuple[int, int]) -> str:
    return f"{ticks.render(times[0])} to {ticks.render(times[1])}"


def _time(unix_s: int) -> str:
    return f"{ticks.render(ticks.from_seconds(unix_s))[:19]}Z"


def _wider(span: tuple[int, int] | None, number: int) -> tuple[int, int]:
    return (number, number) if span is None else (min(span[0], number), max(span[1], number))
