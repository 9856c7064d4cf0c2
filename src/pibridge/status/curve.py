"""The curve of a tag's values: numbers as points, thinned so that no peak gets lost. Pure."""

from collections.abc import Iterable, Sequence

from pibridge.context.meaning import meaning
from pibridge.model import ticks
from pibridge.model.event import DELETE, Event

Dot = tuple[float, float | None]
"""Unix time in seconds, and the number; None breaks the curve: bad, or no number."""


def curve(events: Iterable[Event], *, text: bool, most: int) -> list[Dot]:
    """Give at most about `most` points of one tag's events, in order of time. A state counts by its code."""
    seen = {event.ticks: event for event in events if not event.status & DELETE}
    return thinned([(at / ticks.PER_SECOND, _number(event, text=text)) for at, event in sorted(seen.items())], most)


def thinned(dots: Sequence[Dot], most: int) -> list[Dot]:
    """Give fewer points that look the same: of each stretch of time the first, the least, the greatest and the last."""
    if len(dots) <= most:
        return list(dots)
    start_s, end_s = dots[0][0], dots[-1][0]
    width_s = (end_s - start_s) / max(1, most // 4) or 1.0
    stretches: dict[int, list[Dot]] = {}
    for dot in dots:
        stretches.setdefault(int((dot[0] - start_s) / width_s), []).append(dot)
    kept: list[Dot] = []
    for stretch in stretches.values():
        numbers = [dot for dot in stretch if dot[1] is not None]
        chosen = {stretch[0], stretch[-1]}
        if numbers:
            chosen |= {min(numbers, key=_height), max(numbers, key=_height)}
        kept += sorted(chosen, key=_moment)
    return kept


def _number(event: Event, *, text: bool) -> float | None:
    said = meaning(event, text=text)
    value = said.state["code"] if said.state is not None and said.quality != "bad" else said.value
    is_number = isinstance(value, int | float) and said.quality != "bad"
    return float(value) if is_number else None


def _height(dot: Dot) -> float:
    return dot[1] or 0.0


def _moment(dot: Dot) -> float:
    return dot[0]
