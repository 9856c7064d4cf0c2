"""Records of every kind that a plant sends: all types, states, errors, deletions, batches, frames."""

from msgspec.structs import replace

from context.plants import CASCADE, NO_DATA, NOTE, POINT, TEMPERATURE
from pibridge.context.batches import Batch, Level, batch_of_frame, batch_of_value
from pibridge.context.record import Context, Record, context_of
from pibridge.intake.frame_records import content
from pibridge.model import ticks
from pibridge.model.event import BAD, DELETE, END, ERROR, QUESTIONABLE, START, SUBSTITUTED, UPDATE, Event, Lane
from pibridge.model.frame import Frame
from pibridge.model.tag import Mode, Tag

NOON = ticks.parse("2026-03-09T12:00:00Z") + 1234567
FRAMES = Tag(stream="batches", mode=Mode.REALTIME, name="batches", path="", web_id="", kind="frame")
FRAME = Frame(
    lineage=("unit batch",),
    id="9f2b",
    web_id="F1FmE",
    name="B-1001",
    path=r"\\AF1\Plant\B-1001",
    template="Unit Batch",
    start_ticks=NOON + 1,
    severity="None",
    parent="77aa",
    elements=("Plant/Area1/R1",),
    categories=("Brewing",),
    attributes={"Recipe": "Ale", "Size": 12.5, "Steps": [1, 2], "Notes": None},
)
ENDED = replace(FRAME, end_ticks=NOON + 3600 * ticks.PER_SECOND)
MASHING = batch_of_frame(
    "B-1001",
    valid=True,
    frame=Level("Unit Batch", "B-1001", "9f2b"),
    start_ticks=NOON + 1,
    levels=(Level("Operation", "Mash", "aa01"), Level("Phase", "Heat")),
)
CLEANING = batch_of_value("CIP", valid=False, start_ticks=NOON - 7)


def record(seq: int, tag: Tag, event: Event, batch: Batch | None = None, lane: Lane = Lane.LIVE) -> Record:
    """Give the record of an event."""
    return Record(seq, event, context(tag, lane), batch)


def context(tag: Tag, lane: Lane = Lane.LIVE) -> Context:
    """Give what all events of a tag share."""
    return context_of("houston", tag, tag.asset, lane, has_batches=tag.asset is not None)


def every_kind(first: int = 1, at: int = NOON) -> list[Record]:
    """Give one record of each kind, at places `first`, `first + 1`, …, a second apart."""
    told = [
        (TEMPERATURE, 71.37, 0, MASHING),
        (TEMPERATURE, 5, QUESTIONABLE, MASHING),
        (TEMPERATURE, 0.1 + 0.2, SUBSTITUTED | UPDATE, CLEANING),
        (TEMPERATURE, 2**53 + 1, 0, None),
        (TEMPERATURE, -(2**63), 0, None),
        (TEMPERATURE, None, DELETE, MASHING),
        (TEMPERATURE, None, 0, None),
        (TEMPERATURE, "NaN", 0, None),
        (TEMPERATURE, NO_DATA, 0, None),
        (TEMPERATURE, "Point not found", ERROR, None),
        (POINT, CASCADE, 0, None),
        (POINT, True, 0, None),
        (POINT, False, BAD, None),
        (POINT, [1, 2.5, "x", None], 0, None),
        (POINT, 1.7976931348623157e308, 0, None),
        (NOTE, "", 0, None),
        (NOTE, 'ä "quoted"\n🍺', 0, None),
        (FRAMES, content(FRAME), START, None),
        (FRAMES, content(FRAME), UPDATE, None),
        (FRAMES, content(ENDED), END, None),
        (FRAMES, content(FRAME), DELETE, None),
    ]
    return [
        record(seq, tag, Event(1, at + (seq - first) * ticks.PER_SECOND, value, status), batch)
        for seq, (tag, value, status, batch) in enumerate(told, first)
    ]
