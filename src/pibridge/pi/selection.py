"""Which tags a stream reads: what is selected by name, wildcard, file, element or template, looked up in PI."""

import asyncio

from pibridge.model.tag import Mode
from pibridge.pi import points_file
from pibridge.pi.attributes import find_attributes
from pibridge.pi.client import PiClient
from pibridge.pi.points import find_points
from pibridge.pi.points_file import PointRow
from pibridge.pi.select_settings import ElementSelect, EventFrameSelect, Select
from pibridge.pi.selected import Problem, Selection

__all__ = ["Problem", "Selection", "resolve"]


async def resolve(
    client: PiClient, stream: str, mode: Mode | None, select: Select, via: str | None = None
) -> Selection:
    """Find the tags that `select` means, each once. Event frames, which have no mode, are no tags and give none.

    Static attributes are tags only of a stream with mode realtime and `via` poll: nothing else can read them.

    One wrong name does not stop the others: it is among the problems, and so are wildcards that match nothing and
    attributes that cannot be read. Raises ConfigurationError for a wrong points_file, and what `PiClient.get` raises.
    """
    if isinstance(select, EventFrameSelect) or mode is None:
        return Selection()
    if isinstance(select, ElementSelect):
        is_polled = mode is Mode.REALTIME and via == "poll"
        return await find_attributes(client, select, stream, mode, static=is_polled)
    if select.points_file is not None:
        rows = await asyncio.to_thread(points_file.read, select.points_file)
    else:
        rows = [PointRow(path) for path in select.points or ()]
    return await find_points(client, rows, stream, mode)
