"""What an event frame is, as PI had it when it was last read."""

from typing import Any

from msgspec import Struct

from pibridge.model import ticks


class Frame(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event frame. Names are not unique and may change; `id`, PI's GUID, is who it is.

    `web_id`: in its IDOnly form. `lineage`: its template and those that it is derived from, in lower case, its own
    first. `parent`: id of the frame that it is part of, empty at the root. `elements`: paths of the referenced elements
    as records have them (`Plant/Area1/R1`), the primary one first. `attributes`: the proper value of each, a state by
    its name.
    """

    id: str
    web_id: str
    name: str
    path: str = ""
    template: str = ""
    lineage: tuple[str, ...] = ()
    start_ticks: int
    end_ticks: int = ticks.FOREVER
    severity: str = ""
    parent: str = ""
    elements: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.end_ticks >= ticks.FOREVER - ticks.PER_SECOND
