"""PI Web API's JSON about event frames. Pure."""

from msgspec import Struct, field

from pibridge.pi.wire import Answer


class FrameLinks(Struct, rename="pascal", frozen=True):
    """Where a frame's relatives are. `parent`: empty at the root; no other field tells it."""

    self_: str = field(default="", name="Self")
    parent: str = ""
    primary_referenced_element: str = ""


class EventFrame(Answer, rename="pascal"):
    """An event frame. `end_time`: in the year 9999 while it is open."""

    web_id: str
    id: str
    name: str
    start_time: str
    end_time: str
    path: str = ""
    template_name: str = ""
    severity: str = ""
    category_names: tuple[str, ...] = ()
    ref_element_web_ids: tuple[str, ...] = ()
    are_values_captured: bool = False
    links: FrameLinks = FrameLinks()
