"""What the demonstration shows while it runs, and when it is over."""

import json
from collections import deque
from collections.abc import Callable, MutableMapping
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pibridge.status.snapshot import Snapshot

_RATE_OVER_S = 3.0
_TAIL_BYTES = 16384
_NOTES_SHOWN = 6


class DemoView:
    """Draws snapshots. `folder`: where the file sink writes. `elapsed_s`: seconds since the start.

    `note` takes the daemon's log lines.
    """

    def __init__(self, folder: Path, elapsed_s: Callable[[], float]) -> None:
        self.elapsed_s = elapsed_s
        self._folder = folder
        self._notes: deque[str] = deque(maxlen=100)
        self._reads: deque[tuple[float, int]] = deque([(0.0, 0)])

    def note(self, _logger: object, level: str, event: MutableMapping[str, Any]) -> str:
        """Take a log line; nothing is printed."""
        details = escape(", ".join(f"{key} {value}" for key, value in event.items() if key not in ("event", "level")))
        mark = {"warning": "[yellow]!", "error": "[red]!"}.get(level, "[dim]·")
        self._notes.append(
            f"{mark}[/] {self.elapsed_s():5.1f} s  {escape(str(event.get('event', '')))}  [dim]{details}[/]"
        )
        raise structlog.DropEvent

    def frame(self, snapshot: Snapshot, seconds: int) -> RenderableType:
        """Draw the state now."""
        rate = self._rate(snapshot)
        road = Table.grid(padding=(0, 3))
        for _ in range(4):
            road.add_column()
        road.add_row("[bold]PI[/] (simulated)", "[bold]journal[/]", "[bold]files[/]", "[bold]gaps[/]")
        channels = [stream.channels_open for stream in snapshot.streams.values()]
        sink = snapshot.sinks["files"]
        road.add_row(
            f"{sum(stream.tags for stream in snapshot.streams.values())} tags, {sum(channels)} channels",
            f"{snapshot.journal.newest_seq:,} events, {snapshot.journal.bytes / 1e6:.1f} MB",
            f"{sink.delivered:,} records",
            f"{snapshot.history.gaps_open} open, {snapshot.history.gaps_paid} paid",
        )
        road.add_row(
            f"[green]{rate:,.0f} events/s[/]",
            f"lag {sink.lag_events:,} events",
            sink.state,
            f"{snapshot.history.events_recovered:,} events recovered",
        )
        return Group(
            Panel(road, title=f"PI Bridge demo  {self.elapsed_s():.0f} of {seconds} s", title_align="left"),
            Panel(self._records(), title="last records", title_align="left"),
            Panel(
                Text.from_markup("\n".join(list(self._notes)[-_NOTES_SHOWN:]) or " "),
                title="what happened",
                title_align="left",
            ),
        )

    def line(self, snapshot: Snapshot) -> str:
        """Tell the state in one line, and what happened since."""
        rate = self._rate(snapshot)
        sink = snapshot.sinks["files"]
        notes = [Text.from_markup(note).plain for note in self._notes]
        self._notes.clear()
        state = (
            f"{self.elapsed_s():5.1f} s  {rate:,.0f} events/s, {snapshot.journal.newest_seq:,} journaled, "
            f"{sink.delivered:,} delivered, {snapshot.history.gaps_paid} gaps paid, "
            f"{snapshot.history.events_recovered:,} events recovered"
        )
        return "\n".join([*notes, state])

    def ending(self) -> RenderableType:
        """Say where the files are, what is in them, and how to look at them."""
        files = sorted(self._folder.glob("dt=*/*.jsonl"))
        records = sum(file.read_bytes().count(b"\n") for file in files)
        example = files[-1] if files else self._folder
        return Group(
            Text(f"\n{records:,} records in {len(files)} files below {self._folder}/, one JSON object a line:\n"),
            self._records(),
            Text(f"\nLook at them:   head -3 {example}"),
            Text(f"As a table:     duckdb -c \"from '{self._folder}/*/*.jsonl' limit 10\""),
            Text("Your own PI:    copy examples/minimal.yaml, then  pibridge check --config FILE"),
        )

    def _rate(self, snapshot: Snapshot) -> float:
        now_s = self.elapsed_s()
        self._reads.append((now_s, snapshot.journal.newest_seq))
        while len(self._reads) > 2 and now_s - self._reads[0][0] > _RATE_OVER_S:  # noqa: PLR2004 - two make a rate
            self._reads.popleft()
        (first_s, first), (last_s, last) = self._reads[0], self._reads[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    def _records(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for line in self._tail():
            record = json.loads(line)
            value = record["value"]
            table.add_row(
                record["ts"][11:23],
                Text(record["tag"]),
                Text("-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)),
                Text(record.get("unit", "")),
                record["quality"],
                record["lane"],
            )
        return table

    def _tail(self) -> list[bytes]:
        files = [*self._folder.glob("dt=*/live-*")]
        if not files:
            return []
        newest = max(files, key=lambda file: file.stat().st_mtime)
        with newest.open("rb") as file:
            file.seek(max(0, newest.stat().st_size - _TAIL_BYTES))
            lines = file.read().split(b"\n")
        # The first may be cut, the last is empty or still being written.
        return list(islice(reversed(lines[1:-1]), 5))[::-1]
