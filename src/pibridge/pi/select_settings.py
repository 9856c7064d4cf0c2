"""What a stream reads: `streams.*.select` in the configuration."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from pibridge.model.settings import Settings

_WILDCARDS = frozenset("*?")


def is_pattern(text: str) -> bool:
    """Tell whether a name holds wildcards."""
    return not _WILDCARDS.isdisjoint(text)


def check_point_path(path: str) -> str:
    r"""Give `\\SERVER\NAME` back, its name perhaps with wildcards. ValueError says what is wrong."""
    server, _, name = path.removeprefix("\\\\").partition("\\")
    if not path.startswith("\\\\") or not server or not name:
        raise ValueError(rf"{path!s} is no point; write \\SERVER\NAME, wildcards allowed in NAME")
    if is_pattern(server):
        raise ValueError(f"{path!s} has a wildcard in the server's name; name one server")
    if "|" in name or "\\" in name:
        raise ValueError(f"{path!s} is an AF attribute, no point; select it with element and attributes")
    return path


def check_af_path(path: str) -> str:
    r"""Give `\\SERVER\DATABASE`, perhaps with elements behind it, back. ValueError says what is wrong."""
    names = path.removeprefix("\\\\").split("\\")
    if not path.startswith("\\\\") or len(names) < 2 or not all(names) or "|" in path:  # noqa: PLR2004 - server, database
        raise ValueError(rf"{path!s} is no AF path; write \\SERVER\DATABASE or \\SERVER\DATABASE\ELEMENT\…")
    if is_pattern(path):
        raise ValueError(f"{path!s} has a wildcard; name one element, its subtree is included")
    return path


class PointSelect(Settings):
    """PI points, by names and wildcards or by a file."""

    points: tuple[str, ...] | None = Field(default=None, min_length=1, description=r"\\SERVER\NAME, wildcards * and ?.")
    points_file: Path | None = Field(default=None, description="CSV file: column path, optional tag, asset.")

    @field_validator("points")
    @classmethod
    def _paths(cls, points: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for point in points or ():
            check_point_path(point)
        return points

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.points is None) == (self.points_file is None):
            raise ValueError("give either points or points_file")
        return self


class ElementSelect(Settings):
    """AF attributes of an element and all elements below it."""

    element: str = Field(description=r"\\SERVER\DATABASE\ELEMENT, or a whole database.")
    template: str | None = Field(
        default=None, min_length=1, description="Only elements of it or of templates derived from it."
    )
    attributes: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=("*",), min_length=1, description="Names and wildcards; A|B is the attribute B below A. Left out: all."
    )

    categories: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(
        default=None, min_length=1, description="Only attributes of one of these categories. Left out: of any or none."
    )

    @field_validator("element")
    @classmethod
    def _path(cls, element: str) -> str:
        return check_af_path(element.rstrip("\\"))


class EventFrames(Settings):
    """Which event frames."""

    database: str = Field(description=r"\\SERVER\DATABASE.")
    template: str | None = Field(
        default=None, min_length=1, description="Only frames of it or of templates derived from it."
    )

    @field_validator("database")
    @classmethod
    def _path(cls, database: str) -> str:
        path = check_af_path(database.rstrip("\\"))
        if path.count("\\") != len(r"\\") + 1:
            raise ValueError(rf"{path!s} is no database; write \\SERVER\DATABASE")
        return path


class EventFrameSelect(Settings):
    """Event frames as records of their own."""

    event_frames: EventFrames = Field(description="Database and template of the frames.")


def _kind(select: Any) -> str | None:
    if isinstance(select, PointSelect | ElementSelect | EventFrameSelect):
        return {PointSelect: "points", ElementSelect: "element", EventFrameSelect: "event_frames"}[type(select)]
    if not isinstance(select, dict):
        return None
    kinds = [
        kind
        for kind, keys in {
            "points": {"points", "points_file"},
            "element": {"element", "template", "attributes", "categories"},
            "event_frames": {"event_frames"},
        }.items()
        if keys & select.keys()
    ]
    return kinds[0] if len(kinds) == 1 else None


Select = Annotated[
    Annotated[PointSelect, Tag("points")]
    | Annotated[ElementSelect, Tag("element")]
    | Annotated[EventFrameSelect, Tag("event_frames")],
    Discriminator(
        _kind,
        custom_error_type="select_kind",
        custom_error_message=(
            "select exactly one kind: points or points_file, or element (with template, attributes, categories),"
            " or event_frames"
        ),
    ),
]
"""One kind of selection."""
