"""How it goes on: rates of the last minutes, when a backlog is caught up, how long the journal lasts. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

_FEWEST: Final = 4
_LEAST_EVENTS: Final = 1000
_USABLE: Final = 0.95
"""Of the journal's room: the rest is for cursors, gaps and descriptions."""


class Outlook(Struct, frozen=True, kw_only=True):
    """What follows from the last minutes; None where it cannot be told.

    `read_per_s`: events journaled; `bytes_per_s`: by which the journal grows. `full_in_s`: when the journal is full if
    the backlog grows on as it does; `outage_s`: how long it lasts if nothing is delivered from now on. `catch_up_s`: by
    sink that draws nearer, when nothing waits any more. `gaps_paid_share`: of those since there was none, 0 to 1;
    `gaps_paid_in_s`: when there is none again.
    """

    read_per_s: float | None = None
    bytes_per_s: float | None = None
    full_in_s: float | None = None
    outage_s: float | None = None
    catch_up_s: dict[str, float] = {}
    gaps_paid_share: float | None = None
    gaps_paid_in_s: float | None = None


class Sample(Struct, frozen=True, kw_only=True):
    """The counts of one moment. `at_s`: Unix time. `read`, `delivered`: since the start; `lag`: events behind."""

    at_s: float
    read: dict[str, int]
    recovered: dict[str, int]
    delivered: dict[str, int]
    lag: dict[str, int]
    lag_s: dict[str, float]
    newest_seq: int
    events: int
    bytes: int
    reserved_bytes: int
    max_bytes: int
    gaps_open: int
    gaps_paid: int


def outlook(samples: Sequence[Sample], gaps_paid_before: int) -> Outlook:
    """Look ahead from samples in order of time. `gaps_paid_before`: paid when last there was no gap."""
    if len(samples) < _FEWEST or samples[-1].at_s <= samples[0].at_s:
        return Outlook(gaps_paid_share=_share(samples[-1], gaps_paid_before) if samples else None)
    first, last = samples[0], samples[-1]
    passed_s = last.at_s - first.at_s
    read_per_s = max(0.0, (last.newest_seq - first.newest_seq) / passed_s)
    room = _room_events(first, last)
    backlog_per_s = _trend([max(sample.lag.values(), default=0) for sample in samples], passed_s)
    catch_up_s = {}
    for sink, events in last.lag.items():
        trend = _trend([sample.lag.get(sink, 0) for sample in samples], passed_s)
        if events and trend < 0:
            catch_up_s[sink] = round(events / -trend, 1)
    paid_per_s = (last.gaps_paid - first.gaps_paid) / passed_s
    return Outlook(
        read_per_s=round(read_per_s, 1),
        bytes_per_s=round((last.bytes - first.bytes) / passed_s, 1),
        full_in_s=round(room / backlog_per_s) if room is not None and backlog_per_s > 0 else None,
        outage_s=round(room / read_per_s) if room is not None and read_per_s > 0 else None,
        catch_up_s=catch_up_s,
        gaps_paid_share=_share(last, gaps_paid_before),
        gaps_paid_in_s=round(last.gaps_open / paid_per_s, 1) if last.gaps_open and paid_per_s > 0 else None,
    )


def _room_events(first: Sample, last: Sample) -> float | None:
    """Give how many more events fit that nobody has acknowledged: what every sink has makes room."""
    if not last.events:
        return None
    per_event = max(1, last.bytes - last.reserved_bytes) / last.events
    grown = last.newest_seq - first.newest_seq
    if grown >= _LEAST_EVENTS and last.bytes > first.bytes:
        # A journal that has just begun holds more tables than events.
        per_event = min(per_event, (last.bytes - first.bytes) / grown)
    room_bytes = _USABLE * (last.max_bytes - last.reserved_bytes)
    return max(0.0, room_bytes / per_event - max(last.lag.values(), default=0))


def _trend(counts: Sequence[int], passed_s: float) -> float:
    """Give by how much it grows in a second, 0 if it only goes up and down, as it does while batches are gathered."""
    half = len(counts) // 2
    before, after = counts[:half], counts[half:]
    if min(after) > max(before) or max(after) < min(before):
        return (counts[-1] - counts[0]) / passed_s
    return 0.0


def _share(sample: Sample, paid_before: int) -> float | None:
    paid = sample.gaps_paid - paid_before
    return round(paid / (paid + sample.gaps_open), 4) if sample.gaps_open else None
