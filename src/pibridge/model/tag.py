"""What a tag is, as it was when the selection was resolved."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct


class Mode(StrEnum):
    """Which of PI's values a stream carries."""

    REALTIME = "realtime"
    RECORDED = "recorded"
    INTERPOLATED = "interpolated"


class Asset(Struct, frozen=True, omit_defaults=True):
    """Where a tag belongs. `path`: below its database, `/` between names, the database's name first.

    A `/` within a name is written `%2F`. `attribute` is empty for plain points that the configuration maps.
    """

    path: str
    template: str = ""
    attribute: str = ""


class Tag(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One readable stream of PI: a point or an AF attribute.

    `stream`: the configured stream that reads it. `name`: what records call it. `path`: PI's path. `web_id`: in its
    IDOnly form. `unit`: engineering unit, empty if none. `text`: texts are its proper values (a text on another tag is
    an error). `span`: of its range in `unit`, 0 if PI does not tell. `static`: an AF attribute that has a value but no
    history. `asset`: from AF or a points file; other points are mapped when records are made. `kind`: `frame` for the
    tag that stands for all event frames of a stream.
    """

    stream: str
    mode: Mode
    name: str
    path: str
    web_id: str
    unit: str = ""
    text: bool = False
    span: float = 0.0
    static: bool = False
    asset: Asset | None = None
    kind: Literal["value", "frame"] = "value"

    @property
    def key(self) -> str:
        """Who the tag is across restarts: one mode of one path. Paths of PI do not care about case."""
        if self.kind == "frame":
            return f"frames:{self.stream}"
        return f"{self.mode}:{self.path.upper()}"
