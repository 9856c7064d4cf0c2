"""What records are told about their surroundings, and which of them a sink gets."""

import math
import re
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pibridge.model.settings import Duration, Settings

Quality = Literal["good", "questionable", "bad"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ID_FORM: Final = re.compile(r"name|root|attribute:.+")
_WHOLE_PERCENT: Final = 100.0


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("not usable as a name; write at most 64 of A-Z a-z 0-9 _ . -, a letter or digit first")
    return text


Name = Annotated[str, AfterValidator(_name)]
"""The name of a site, stream, sink or batch rule: it becomes part of topics, object keys and file names."""


def _asset_path(path: str) -> str:
    if not path or path != path.strip("/"):
        raise ValueError("write names with / between them, the database first: Plant/Area1/R1")
    return path


AssetPattern = Annotated[str, AfterValidator(_asset_path)]
"""Path of an asset, perhaps with wildcards: `*` within one level, `**` across levels."""

TagPattern = Annotated[str, Field(min_length=1)]
"""Name or PI path of a tag, perhaps with the wildcards `*` and `?`."""


class Width(NamedTuple):
    """How wide a deadband is: so much in the tag's unit, or so much percent of the tag's span."""

    amount: float
    is_percent: bool = False

    def of(self, span: float) -> float:
        """Give it in the unit of a tag with this span. 0: none, also where PI tells no span to take percent of."""
        return self.amount / _WHOLE_PERCENT * span if self.is_percent else self.amount

    def __str__(self) -> str:
        return f"{self.amount}%" if self.is_percent else f"{self.amount}"


def _width(written: object) -> object:
    if isinstance(written, Width):
        return written
    is_number = isinstance(written, (int, float)) and not isinstance(written, bool)
    text = str(written).strip() if is_number or isinstance(written, str) else ""
    is_percent = text.endswith("%")
    try:
        amount = float(text.removesuffix("%"))
    except ValueError:
        raise ValueError("not a number; write one, such as 2.5, or percent of the tag's span, such as 2%") from None
    if not math.isfinite(amount):
        raise ValueError("not a finite number; write one, such as 2.5, or percent of the tag's span, such as 2%")
    if amount < 0:
        raise ValueError("too small; write at least 0, which means none")
    if is_percent and amount > _WHOLE_PERCENT:
        raise ValueError("more than the whole span of a tag; write at most 100%")
    return Width(amount, is_percent)


Deadband = Annotated[Width, BeforeValidator(_width, json_schema_input_type=float | str)]
"""Written as a number in the tag's unit (`2.5`) or as percent of the tag's span (`2%`)."""


def _expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"no regular expression: {problem}") from problem
    return pattern


def _id_form(text: str) -> str:
    if not _ID_FORM.fullmatch(text):
        raise ValueError("write name, root, or attribute: and the attribute's name, such as attribute:BatchID")
    return text


class AssetMapping(Settings):
    """Puts plain points onto an asset."""

    points: str = Field(min_length=1, description=r"Path of a point, * and ? as wildcards: \\PISRV1\R1.*")
    asset: Annotated[str, AfterValidator(_asset_path)] = Field(
        description="Path of the asset, / between names: Plant/Area1/R1"
    )
    template: str = Field("", description="Template of the asset, written into records when given.")


class BatchFrames(Settings):
    """The event frames that tell which batch runs."""

    database: str = Field(min_length=1, description=r"AF database that holds the frames: \\AF1\Plant")
    template: str = Field(min_length=1, description="Template of the frames; derived templates count.")


class BatchRule(Settings):
    """Says which batch runs on some assets: from event frames, or from the value of a tag."""

    assets: Annotated[str, AfterValidator(_asset_path)] = Field(
        description="Assets the rule speaks for. * stays within one level, ** crosses levels."
    )
    event_frames: BatchFrames | None = Field(None, description="Take the batch from these event frames.")
    tag: str | None = Field(None, min_length=1, description="Take the batch id from the value of this tag.")
    id: Annotated[str, AfterValidator(_id_form)] = Field(
        "name",
        description="Where a frame has the batch id: name, attribute:NAME, or root (name of the outermost frame).",
    )
    valid: Annotated[str, AfterValidator(_expression)] | None = Field(
        None, description="Regular expression. A batch whose id does not match is not a valid one."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.event_frames is None) == (self.tag is None):
            raise ValueError("has no single source; write either event_frames or tag")
        if self.tag is not None and "id" in self.model_fields_set:
            raise ValueError("has id beside tag; leave id out, the value of the tag is the batch id")
        return self


class ContextSettings(Settings):
    """Assets and batches that are written into records."""

    assets: tuple[AssetMapping, ...] = Field((), description="Maps plain points onto assets; AF streams need no map.")
    assets_file: str | None = Field(
        None, min_length=1, description="CSV file with the columns path, asset, template, beside `assets`."
    )
    batches: dict[Name, BatchRule] = Field(
        default_factory=dict,
        description="Batch rules by name. Of several for one asset, the first name in alphabetical order speaks.",
    )
    hold: Duration = Field(
        15.0,
        ge=0,
        description="How long an event of an asset with batches waits for late frames. 0s: not at all.",
    )


class FilterSettings(Settings):
    """Which records a sink gets. Without a key nothing is kept back for it."""

    quality: frozenset[Quality] | None = Field(None, min_length=1, description="Qualities that pass. null: all.")
    batch: Literal["running"] | None = Field(
        None, description="running: only while a valid batch runs on the event's asset. null: always."
    )
    streams: frozenset[str] | None = Field(None, min_length=1, description="Names of the streams that pass. null: all.")
    tags: frozenset[TagPattern] | None = Field(
        None, min_length=1, description="Names or PI paths of the tags that pass, * and ? as wildcards. null: all."
    )
    assets: frozenset[AssetPattern] | None = Field(
        None,
        min_length=1,
        description="Paths of the assets whose tags pass. * stays within one level, ** crosses levels. null: all.",
    )
    deadband: Deadband = Field(
        Width(0.0),
        description="Keep back numeric changes smaller than this: a number, or 2% of the tag's span. 0: none.",
        json_schema_extra={"default": 0},
    )
    heartbeat: Duration | None = Field(
        None, gt=0, description="Let a value pass after this long in spite of the deadband. null: never."
    )

    def upon(self, defaults: "FilterSettings") -> "FilterSettings":
        """Give `defaults` with the keys that are written here in their place."""
        return defaults.model_copy(update={key: getattr(self, key) for key in self.model_fields_set})
