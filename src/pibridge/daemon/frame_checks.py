"""Do the event frames exist that streams and batch rules name, and the tags of batch rules."""

from collections.abc import AsyncIterator

from pibridge.context.settings import BatchRule
from pibridge.daemon.finding import Finding, wrong
from pibridge.errors import PIBridgeError, RejectedError
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient
from pibridge.pi.databases import database_at, is_of_frames, templates_of
from pibridge.pi.points import find_points
from pibridge.pi.points_file import PointRow
from pibridge.pi.templates import with_derived
from pibridge.pi.wire import Attribute, Reader

_read_attribute = Reader(Attribute)


async def frame_finding(client: PiClient, about: str, database: str, template: str | None) -> Finding:
    """Look for the template of event frames, or for the database alone. Raises UnavailableError, UnauthorizedError."""
    try:
        found = await database_at(client, database)
    except RejectedError as error:
        return Finding("wrong", about, f"{database}: {error.args[0]}", "`pibridge discover` lists the databases")
    templates = [each for each in await templates_of(client, found) if is_of_frames(each)]
    if template is None:
        return Finding("fine", about, f"event frames of {database}, which has {len(templates)} templates of them")
    if not with_derived(template, templates):
        known = ", ".join(sorted(each.name for each in templates)) or "none"
        return Finding("wrong", about, f"{database} has no event frame template {template}", f"there are: {known}")
    return Finding("fine", about, f"event frames of template {template}")


async def batch_findings(client: PiClient, rules: dict[str, BatchRule]) -> AsyncIterator[Finding]:
    """Look for what each batch rule takes its batches from."""
    for name, rule in sorted(rules.items()):
        about = f"context.batches.{name}"
        try:
            if rule.event_frames is not None:
                yield await frame_finding(client, about, rule.event_frames.database, rule.event_frames.template)
            else:
                yield await _tag_finding(client, about, rule.tag or "")
        except PIBridgeError as error:
            yield wrong(about, error)


async def _tag_finding(client: PiClient, about: str, path: str) -> Finding:
    if "|" in path:
        try:
            await client.get("/attributes", [("path", path), ("webIdType", "IDOnly")], _read_attribute)
        except RejectedError as error:
            return Finding("wrong", about, f"{path}: {error.args[0]}", "check the path of the attribute")
        return Finding("fine", about, f"batch id from {path}")
    found = await find_points(client, [PointRow(path)], "", Mode.REALTIME)
    for problem in found.problems:
        return Finding("wrong", about, f"{problem.path}: {problem.reason}", problem.hint)
    return Finding("fine", about, f"batch id from {path}")
