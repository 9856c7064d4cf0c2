"""The last quarter of an hour in numbers, kept in memory: what the charts show, and what the outlook follows from."""

from collections import deque
from itertools import islice, pairwise
from typing import Final

from msgspec import Struct

from pibridge.status.outlook import Outlook, Sample, outlook
from pibridge.status.snapshot import Snapshot

EVERY_S: Final = 2.0
KEPT_S: Final = 900.0
_LOOKED_AT: Final = 120
"""Samples from which the outlook follows: four minutes."""


class Point(Struct, frozen=True, kw_only=True):
    """One place of the charts. `at_s`: Unix time.

    `read` (with `recovered`, from the archive) and `delivered`: events a second since the point before, by stream and
    by sink; `lag`, `lag_s`: events and seconds behind, by sink.
    """

    at_s: float
    read: dict[str, float]
    recovered: dict[str, float]
    delivered: dict[str, float]
    lag: dict[str, int]
    lag_s: dict[str, float]
    bytes: int
    gaps_open: int


class History(Struct, frozen=True, kw_only=True):
    """The charts from the oldest point to the newest, `every_s` seconds apart."""

    every_s: float
    points: list[Point]


class Past:
    """A ring of samples."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=round(KEPT_S / EVERY_S) + 1)
        self._gaps_paid_before = 0

    def take(self, snapshot: Snapshot, at_s: float) -> None:
        """Take what is counted at this Unix time. Times that do not grow are left out."""
        if self._samples and at_s <= self._samples[-1].at_s:
            if self._samples[-1].at_s - at_s < KEPT_S:
                return
            self._samples.clear()  # the clock was set back by far: what was before has no place any more
        streams, sinks, journal = snapshot.streams, snapshot.sinks, snapshot.journal
        if not snapshot.history.gaps_open:
            self._gaps_paid_before = snapshot.history.gaps_paid
        self._samples.append(
            Sample(
                at_s=round(at_s, 1),
                read={name: stream.read for name, stream in streams.items()},
                recovered={name: stream.recovered for name, stream in streams.items()},
                delivered={name: sink.delivered for name, sink in sinks.items()},
                lag={name: sink.lag_events for name, sink in sinks.items()},
                lag_s={name: round(sink.lag_s, 1) for name, sink in sinks.items()},
                newest_seq=journal.newest_seq,
                events=journal.events,
                bytes=journal.bytes,
                reserved_bytes=journal.reserved_bytes,
                max_bytes=journal.max_bytes,
                gaps_open=snapshot.history.gaps_open,
                gaps_paid=snapshot.history.gaps_paid,
            )
        )

    def outlook(self) -> Outlook:
        """Look ahead."""
        first = max(0, len(self._samples) - _LOOKED_AT)
        return outlook(list(islice(self._samples, first, None)), self._gaps_paid_before)

    def history(self) -> History:
        """Give all points."""
        samples = list(self._samples)
        return History(every_s=EVERY_S, points=[_point(a, b) for a, b in pairwise(samples)])

    def point(self) -> Point | None:
        """Give the newest point."""
        return _point(self._samples[-2], self._samples[-1]) if len(self._samples) > 1 else None


def _point(before: Sample, now: Sample) -> Point:
    passed_s = max(now.at_s - before.at_s, 0.1)

    def rates(then: dict[str, int], counts: dict[str, int]) -> dict[str, float]:
        return {name: round(max(0, count - then.get(name, 0)) / passed_s, 1) for name, count in counts.items()}

    return Point(
        at_s=now.at_s,
        read=rates(before.read, now.read),
        recovered=rates(before.recovered, now.recovered),
        delivered=rates(before.delivered, now.delivered),
        lag=now.lag,
        lag_s=now.lag_s,
        bytes=now.bytes,
        gaps_open=now.gaps_open,
    )
