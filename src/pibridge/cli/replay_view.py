"""What `pibridge replay` shows."""

from collections.abc import Sequence
from shlex import quote
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from rich.markup import escape
from rich.table import Table

from pibridge.cli.backfill_view import preview_of
from pibridge.context.choice import BEGINNING, Choice
from pibridge.context.record import json_record
from pibridge.delivery.preview import Outcome, Preview
from pibridge.delivery.what_if import Difference
from pibridge.intake.coverage import Coverage
from pibridge.journal.backfill import WantedHistory
from pibridge.journal.replay import Replay
from pibridge.model import ticks

_MOST_TAGS: Final = 10


def preview_text(found: Preview, missing: str) -> str:
    """Give a preview for people. `missing`: what would bring what is not in the journal."""
    if found.times is None:
        lines = ["no such events in the journal"]
    else:
        span = " to ".join(map(ticks.render, found.times))
        tags = ", ".join(f"{name} {count}" for name, count in found.tags.most_common(_MOST_TAGS))
        more = len(found.tags) - _MOST_TAGS
        lines = [
            f"{found.events} events, about {found.bytes} bytes, of {span}",
            f"{len(found.tags)} tags: {tags}{f' and {more} more' if more > 0 else ''}",
        ]
    for name, outcome in found.sinks.items():
        lines.append(f"{name}: {_outcome_text(outcome)}")
    if missing:
        lines.append(f"the journal does not hold all of that time; from PI it comes by: {missing}")
    return "\n".join(lines)


def told_of(found: Preview, missing: str) -> dict[str, Any]:
    """Give a preview for programs."""
    return {
        "events": found.events,
        "bytes": found.bytes,
        **dict(zip(("first_ts", "last_ts"), map(ticks.render, found.times or ()), strict=False)),
        "tags": dict(found.tags.most_common()),
        "sinks": {name: _outcome_told(outcome) for name, outcome in found.sinks.items()},
        "missing": missing,
    }


def backfill_command(choice: Choice, coverage: Coverage, numbers: Sequence[int], now_ticks: int) -> str:
    """Give the command that reads from PI what the journal does not hold of a time; nothing if it holds all.

    `numbers`: the tags that are meant; of those that nobody reads now nothing can be read.
    """
    since = {number: spans[0][0] for number in numbers if (spans := coverage.spans(number))}
    is_open = choice.start_ticks == BEGINNING
    is_gone = bool(coverage.trimmed_ticks) and choice.start_ticks <= coverage.trimmed_ticks
    if not since or choice.lanes or (is_open and not is_gone):
        return ""
    asked = replace(choice, start_ticks=min(*since.values(), choice.end_ticks)) if is_open else choice
    span = preview_of(coverage, WantedHistory(choice=asked, again=is_gone), list(since), now_ticks).span
    if span is None:
        return ""
    start, end = map(ticks.render, span)
    said = ["pibridge backfill", f"--from {start} --to {end}"]
    for option, names in (("tag", choice.tags), ("asset", choice.assets), ("stream", choice.streams)):
        said += [f"--{option} {quote(name)}" for name in names]
    return " ".join([*said, "--again"] if is_gone else said)


def replays_table(found: Sequence[Replay]) -> Table:
    """Give a row for each replay and sink."""
    table = Table(title="replays", title_justify="left", box=None)
    for column in ("id", "sink", "state", "done", "sent", "refused", "withheld", "gone", "events/s"):
        table.add_column(column, overflow="fold")
    for each in found:
        withheld = ", ".join(f"{key} {count}" for key, count in sorted(each.withheld.items())) or "0"
        cells = (each.id, each.sink, each.state, f"{each.progress:.0%}", each.sent, each.refused, withheld)
        table.add_row(*(escape(str(cell)) for cell in cells), str(each.gone), f"{each.rate:g}")
    if not found:
        table.add_row("none")
    return table


def difference_text(found: Difference, unread: Sequence[str], *, as_json: bool) -> str:
    """Give what another configuration would change. `unread`: sources of its batches that were never read."""
    if as_json:
        return msgspec.json.encode(_difference_told(found, unread)).decode()
    lines = [f"{found.events} events, {found.context} of them in another context"]
    for name, sink in found.sinks.items():
        now = "not configured" if sink.now is None else _outcome_text(sink.now)
        then = "not configured" if sink.then is None else _outcome_text(sink.then)
        lines.append(f"{name}: now {now}; then {then}; {sink.gained} more, {sink.lost} less")
    for each in found.examples:
        record = each.record
        where = f"{each.sink}: " if each.sink else ""
        when = ticks.render(record.event.ticks)
        lines.append(f"  {where}seq {record.seq}, {record.context.tag.name} at {when}: {each.now} -> {each.then}")
    lines += [f"batches of {source} are unknown: nobody has read them yet" for source in unread]
    return "\n".join(lines)


def _difference_told(found: Difference, unread: Sequence[str]) -> dict[str, Any]:
    return {
        "events": found.events,
        "context": found.context,
        "sinks": {
            name: {
                "now": None if sink.now is None else _outcome_told(sink.now),
                "then": None if sink.then is None else _outcome_told(sink.then),
                "gained": sink.gained,
                "lost": sink.lost,
            }
            for name, sink in found.sinks.items()
        },
        "examples": [
            {
                "seq": each.record.seq,
                "sink": each.sink,
                "now": each.now,
                "then": each.then,
                "record": msgspec.Raw(json_record(each.record)),
            }
            for each in found.examples
        ],
        "unread": list(unread),
    }


def _outcome_text(outcome: Outcome) -> str:
    withheld = ", ".join(f"{key} {count}" for key, count in sorted(outcome.withheld.items()))
    return f"{outcome.admitted} pass" + (f", withheld: {withheld}" if withheld else "")


def _outcome_told(outcome: Outcome) -> dict[str, Any]:
    return {"admitted": outcome.admitted, "withheld": dict(outcome.withheld)}
