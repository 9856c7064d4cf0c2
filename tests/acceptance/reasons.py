"""Sinks that do not take everything, and whether `explain` says of each event why it is, or is not, at each of them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec

from cli.processes import pibridge
from pibridge.config.load import load
from pibridge.config.loaded import Loaded
from pibridge.inspection.explain import explain
from pibridge.inspection.explanation import Explanation
from pibridge.journal.letters import Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks

MOST_BYTES: Final = 2048
"""So large may a packet to the broker be: a record fits, one with a very long asset does not."""
SMALL: Final = "BULK.000001"
TOO_LARGE: Final = "BULK.000002"
ASSETS: Final = [{"points": rf"\\PISRV1\{TOO_LARGE}", "asset": "/".join(["Plant"] * 200)}]

Record = dict[str, Any]
Said = tuple[str, str]
"""A verdict, and the key of the filter that keeps the event back."""

_DELIVERED: Final = "delivered", ""
_REFUSED: Final = "refused", ""
_THINNED: Final = "withheld", "sinks.thin.filter.deadband"
_REASONS: Final = {
    "bus: refused",
    "bus: withheld sinks.bus.filter.tags",
    "chosen: withheld sinks.chosen.filter.quality",
    "chosen: withheld sinks.chosen.filter.streams",
    "running: withheld sinks.running.filter.batch",
    "thin: withheld sinks.thin.filter.tags",
    "never there: not there",
}
"""What is found however the seed falls; the others depend on it."""
_EACH: Final = 80
"""So many events are asked about for each verdict at each sink."""


def choosy_sinks(folder: Path, broker_port: int) -> dict[str, Any]:
    """Give sinks that keep back what their filters say, and one whose broker refuses some for good."""
    file = {"type": "file", "roll": {"age": "1s", "size": "100KiB"}}
    broker = {"type": "mqtt", "host": "127.0.0.1", "port": broker_port, "topic": "pi/{tag}"}
    return {
        "chosen": {**file, "path": str(folder / "chosen"), "filter": {"streams": ["channels"], "quality": ["good"]}},
        "thin": {**file, "path": str(folder / "thin"), "filter": {"tags": ["BULK.00000?"], "deadband": 2}},
        "running": {**file, "path": str(folder / "running"), "filter": {"batch": "running"}},
        "bus": {**broker, "filter": {"tags": [SMALL, TOO_LARGE]}},
    }


async def judge(config: Path, records: Sequence[Record], at_sinks: Mapping[str, AbstractSet[int]]) -> Counter[str]:
    """Compare what `explain` says of events with where they are; give how often it said what.

    `records`: all that there were, as a sink without a filter has them. `at_sinks`: the places of what each has.
    """
    expected = {
        record["seq"]: _expected(record, passed_deadband=record["seq"] in at_sinks["thin"]) for record in records
    }
    for sink, places in at_sinks.items():
        owed = {seq for seq, said in expected.items() if said[sink] == _DELIVERED}
        assert (owed - places, places & expected.keys() - owed) == (set(), set()), sink
    asked = _spread(records, expected)
    loaded = Loaded.of(load(str(config)))
    counts: Counter[str] = Counter()
    told: dict[tuple[str, str], Explanation] = {}
    with closing(JournalReader.open(loaded.configuration.journal.path)) as reader:
        letters = {kept.letter.seq for kept in reader.dead_letters(Wanted(sink="bus"))}
        for record in asked:
            at = record["path"], record["ts"]
            told[at] = told.get(at) or explain(loaded, reader, at[0], ticks.parse(at[1]))
            said = _said(told[at], record["seq"])
            if said is None:
                assert ticks.parse(at[1]) <= reader.tally().trimmed_ticks, record
                counts["journal: removed"] += 1
                continue
            for sink, wanted in expected[record["seq"]].items():
                if wanted == _REFUSED and record["seq"] not in letters:
                    # Where there is no room, new dead letters take the place of old ones, and explain says so.
                    assert any("dead letters were dropped" in note for note in told[at].notes)
                elif said[sink] != ("uncertain", "") or wanted not in {_DELIVERED, _THINNED} or sink != "thin":
                    assert said[sink] == wanted, (sink, record)
                counts[f"{sink}: {' '.join(said[sink])}".rstrip()] += 1
        counts += Counter(_absences(loaded, reader, records))
    assert counts.keys() >= _REASONS
    await _command_says_the_same(config, list(told.items()))
    return counts


def _expected(record: Record, *, passed_deadband: bool) -> dict[str, Said]:
    """Give what has to be said of an event at each sink."""
    withheld = {
        "chosen": "streams" if record["stream"] != "channels" else "quality" if record["quality"] != "good" else "",
        "thin": "tags" if not record["tag"].startswith("BULK.00000") else "" if passed_deadband else "deadband",
        "running": "batch",
        "bus": "tags" if record["tag"] not in {SMALL, TOO_LARGE} else "",
    }
    said = {sink: ("withheld", f"sinks.{sink}.filter.{key}") if key else _DELIVERED for sink, key in withheld.items()}
    if record["tag"] == TOO_LARGE:
        said["bus"] = _REFUSED
    return {"files": _DELIVERED, "more": _DELIVERED, **said}


def _spread(records: Sequence[Record], expected: Mapping[int, Mapping[str, Said]]) -> list[Record]:
    """Give some for each that can be said at each sink, evenly from all of the time."""
    groups: dict[tuple[str, Said], list[Record]] = {}
    for record in records:
        for each in expected[record["seq"]].items():
            groups.setdefault(each, []).append(record)
    chosen = [each for group in groups.values() for each in [*group[:: -(-len(group) // _EACH)], group[-1]]]
    return list({record["seq"]: record for record in chosen}.values())


def _said(told: Explanation, seq: int) -> dict[str, Said] | None:
    """Give what is said of an event at each sink. None: it went from the journal, as it may on a disk that is full."""
    (tag,) = told.tags
    for event in tag.events:
        if event.seq == seq:
            return {name: (at_sink.verdict.value, at_sink.key) for name, at_sink in event.sinks.items()}
    assert tag.missing is None or tag.missing.absence.value == "removed"
    return None


def _absences(loaded: Loaded, reader: JournalReader, records: Sequence[Record]) -> Iterator[str]:
    """Ask for what the journal never had; each has the one reason that is true, and nothing is owed."""
    removed_ticks = reader.tally().trimmed_ticks
    times = sorted({ticks.parse(record["ts"]) for record in records if record["tag"] == SMALL})
    between = [(one + other) // 2 for one, other in pairwise(times) if other - one > 1]
    wanted = [(SMALL, at, "removed" if at <= removed_ticks else "not there") for at in between[:: len(between) // 9]]
    year = 365 * 86_400 * ticks.PER_SECOND
    wanted += [(SMALL, times[0] - year, "not begun"), (SMALL, times[-1] + year, "ahead")]
    wanted += [("BULK.999999", times[-1], "no such tag")]
    for tag, at, absence in wanted:
        told = explain(loaded, reader, tag, at)
        missing = told.tags[0].missing if told.tags else told.missing
        assert missing is not None
        assert missing.absence.value == absence, (tag, at, missing)
        yield f"never there: {absence}"


async def _command_says_the_same(config: Path, told: Sequence[tuple[tuple[str, str], Explanation]]) -> None:
    """Run `pibridge explain` for a few, as a user would."""
    folder = config.parent / "shell"
    folder.mkdir()
    for (path, ts), explanation in told[:: -(-len(told) // 3)]:
        ended = await pibridge(folder, "explain", path, "--at", ts, "--json", "-c", str(config))
        assert (ended.code, ended.err) == (0, "")
        assert json.loads(ended.out) == json.loads(msgspec.json.encode(explanation))
