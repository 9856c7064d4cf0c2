"""What one stream reads from PI, and how."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from pibridge.model import ticks
from pibridge.model.settings import Duration, Settings
from pibridge.model.tag import Mode
from pibridge.pi.settings import EventFrameSelect, Select

Via = Literal["channel", "updates", "poll"]

_ROADS: Final[Mapping[Mode | None, tuple[Via, ...]]] = {
    Mode.REALTIME: ("channel", "updates", "poll"),
    Mode.RECORDED: ("updates", "poll"),
    Mode.INTERPOLATED: (),
    None: (),
}
_DURATION: Final[TypeAdapter[float]] = TypeAdapter(Annotated[Duration, Field(ge=0)])


def _backfill(value: Any) -> float | datetime:
    with suppress(ValueError):  # pydantic's ValidationError is one
        return _DURATION.validate_python(value)
    with suppress(ValueError):
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            return moment
    raise ValueError("neither a duration nor a time with a zone; write 7d, or 2024-01-31T00:00:00Z")


Backfill = Annotated[float | datetime, BeforeValidator(_backfill, json_schema_input_type=float | str)]
"""How much history: seconds before the first start, or the time from which on."""


class RereadSettings(Settings):
    """How settled time is read again, to find late, edited and deleted values."""

    back: Duration = Field(
        120.0,
        gt=0,
        description="How far back each look reaches, from two minutes ago on (or from `back` ago, if that is less).",
    )
    every: Duration = Field(
        120.0, gt=0, description="How often. With `back` longer than this, deletions are found too."
    )


class ShardSettings(Settings):
    """Which part of all tags this core of a fleet reads. Every core has the same `of`, and an `index` of its own."""

    index: int = Field(ge=0, description="Number of this core, from 0 on, best as ${env:NAME}.")
    of: int = Field(ge=1, le=1000, description="How many cores share the tags.")
    overlap: Duration = Field(
        3600.0, ge=0, description="How much history of a tag is read that comes to this core for the first time."
    )

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.index >= self.of:
            raise ValueError(f"has index {self.index} of {self.of}; the last one is {self.of - 1}")
        return self


class StreamSettings(Settings):
    """One stream: what it reads, and how."""

    select: Select = Field(description="Which tags the stream reads: points, AF attributes or event frames.")
    mode: Mode | None = Field(
        default_factory=lambda data: None if isinstance(data.get("select"), EventFrameSelect) else Mode.REALTIME,
        description="realtime (default): every snapshot event. recorded: archived, compressed values. "
        "interpolated: values at even times. Not for event_frames.",
    )
    via: Via | None = Field(
        default_factory=lambda data: next(iter(_ROADS[data.get("mode")]), None),
        description="realtime: channel (default), updates or poll. recorded: updates (default) or poll.",
    )
    interval: Duration = Field(
        default_factory=lambda data: 1.0 if data.get("via") == "updates" else 10.0,
        gt=0,
        description="How often the stream is read, and the spacing of interpolated values. "
        "Default: 1s for via updates, else 10s. A channel has no use for it.",
    )
    delay: Duration = Field(5.0, ge=0, description="Interpolated: how long to wait for late values before asking.")
    backfill: Backfill = Field(
        0.0, description="At the first start, read this much history too, or from this ISO time on. 0s: none."
    )

    reread: RereadSettings | None = Field(
        default_factory=RereadSettings,
        description="Reads settled time again, to find late, edited and deleted values. null: never.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if isinstance(self.select, EventFrameSelect) and self.mode is not None:
            raise ValueError("has mode beside select.event_frames; leave mode out")
        if self.mode is None and not isinstance(self.select, EventFrameSelect):
            raise ValueError("has no mode; write realtime, recorded or interpolated, or leave the key out")
        roads = _ROADS[self.mode]
        if self.via is not None and self.via not in roads:
            stream = f"mode {self.mode}" if self.mode else "event_frames"
            raise ValueError(
                f"has via {self.via}, which does not go with {stream}; "
                + (f"write {' or '.join(roads)}" if roads else "leave via out")
            )
        if self.via is None and roads:
            raise ValueError(f"has no via; write {' or '.join(roads)}, or leave the key out")
        if "delay" in self.model_fields_set and self.mode is not Mode.INTERPOLATED:
            raise ValueError("has delay, which belongs to mode interpolated; leave it out")
        return self

    def backfill_from_ticks(self, now_ticks: int) -> int | None:
        """Give the time from which on history is read at the first start, or None."""
        if isinstance(self.backfill, datetime):
            return ticks.parse(self.backfill.isoformat())
        return now_ticks - ticks.from_seconds(self.backfill) if self.backfill else None
