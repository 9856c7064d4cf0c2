"""Records for SiteWise."""

from typing import Any

from pibridge.context.record import Context, Record, context_of
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Asset, Mode, Tag

NOW_S = 1_770_000_000.0
NOW = ticks.from_seconds(NOW_S)
SITE = "houston"


def tag(name: str = "Temperature", *, element: str = "R1", **more: Any) -> Tag:
    """Give the tag of an attribute of a reactor."""
    return Tag(
        stream="reactors",
        mode=Mode.REALTIME,
        name=f"Plant/{element}|{name}",
        path=rf"\\AF1\Plant\{element}|{name}",
        web_id=f"F1Ab{element}{name}",
        asset=Asset(f"Plant/{element}", "Reactor", name),
        **more,
    )


def context(name: str = "Temperature", *, element: str = "R1", lane: Lane = Lane.LIVE, **more: Any) -> Context:
    """Give what its records share."""
    of = tag(name, element=element, **more)
    return context_of(SITE, of, of.asset, lane)


def record(seq: int, value: Any, *, at: int = NOW, status: int = 0, of: Context | None = None) -> Record:
    """Give a record; `at`: ticks."""
    return Record(seq, Event(1, at, value, status), of or TEMPERATURE)


TEMPERATURE = context()
