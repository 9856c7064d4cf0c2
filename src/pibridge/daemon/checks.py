"""What `pibridge check` looks at: PI, each stream's tags, each sink; one finding each."""

from collections.abc import AsyncIterator

from pibridge.config.settings import Configuration
from pibridge.daemon.finding import Finding, wrong
from pibridge.daemon.frame_checks import batch_findings, frame_finding
from pibridge.daemon.server_checks import channel_finding, server_findings, updates_finding
from pibridge.daemon.tag_checks import reading_findings, selection_findings
from pibridge.errors import PIBridgeError
from pibridge.intake.settings import ShardSettings, StreamSettings
from pibridge.intake.shard import has_frames, has_tag
from pibridge.model.tag import Tag
from pibridge.pi.client import PiClient
from pibridge.pi.selected import Selection
from pibridge.pi.selection import resolve
from pibridge.pi.settings import EventFrameSelect
from pibridge.sinks import build

__all__ = ["Finding", "checks"]


async def checks(configuration: Configuration) -> AsyncIterator[Finding]:
    """Look at one part after the other and tell at once."""
    yield Finding("fine", "configuration", f"{len(configuration.streams)} streams, {len(configuration.sinks)} sinks")
    if not configuration.pi.tls.verify:
        yield Finding(
            "doubt", "pi.tls.verify", "the server's certificate is not checked", "give the plant's CA as ca_file"
        )
    async for finding in _pi(configuration):
        yield finding
    for name, settings in configuration.sinks.items():
        about = f"sinks.{name}"
        try:
            sink = build(name, settings, configuration.site)
            try:
                found = await sink.probe()
            finally:
                await sink.close()
        except PIBridgeError as error:
            yield wrong(about, error)
        else:
            yield Finding("fine", about, found)


async def _pi(configuration: Configuration) -> AsyncIterator[Finding]:
    async with PiClient(configuration.pi) as client:
        finding = None
        async for finding in server_findings(client):
            yield finding
        if finding is None or finding.level != "fine":
            return
        readers: dict[str, str] = {}
        readable: dict[str, list[Tag]] = {}
        for name, stream in sorted(configuration.streams.items()):
            readable[name] = []
            try:
                async for finding in _stream(client, name, stream, configuration.shard, readers, readable[name]):
                    yield finding
            except PIBridgeError as error:
                yield wrong(f"streams.{name}", error)
        async for finding in batch_findings(client, configuration.context.batches):
            yield finding
        for via, look in (("channel", channel_finding), ("updates", updates_finding)):
            tags = [tag for name, tags in readable.items() if configuration.streams[name].via == via for tag in tags]
            if tags:
                yield await look(client, tags[0].web_id)


async def _stream(  # noqa: PLR0913, PLR0917 - a stream, and what is known of the others
    client: PiClient,
    name: str,
    stream: StreamSettings,
    shard: ShardSettings | None,
    readers: dict[str, str],
    readable: list[Tag],
) -> AsyncIterator[Finding]:
    """Look at one stream. Notes who reads which tag in `readers`, and what PI reads in `readable`."""
    about = f"streams.{name}"
    if isinstance(stream.select, EventFrameSelect):
        frames = stream.select.event_frames
        yield await frame_finding(client, about, frames.database, frames.template)
        if not has_frames(shard, name, frames):
            yield Finding("fine", about, "another shard tells these event frames")
        return
    found = await resolve(client, name, stream.mode, stream.select, stream.via)
    selection = Selection([tag for tag in found.tags if has_tag(shard, tag)], found.problems, found.computed)
    for finding in selection_findings(about, selection, readers):
        yield finding
    for tag in selection.tags:
        readers.setdefault(tag.key, name)
    if not found.tags:
        yield Finding("wrong", about, "selects no tag", "look at select with `pibridge tags`")
        return
    share = f" of {len(found.tags)}, shard {shard.index} of {shard.of}" if shard else ""
    if not selection.tags:
        yield Finding("fine", about, f"0 tags{share}: other shards read them")
        return
    async for finding in reading_findings(client, about, stream, selection, readable):
        yield finding
    if readable:
        yield Finding("fine", about, f"{len(selection.tags)} tags{share}, such as {selection.tags[0].name}")
