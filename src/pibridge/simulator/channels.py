"""Channels: a WebSocket on which the server sends, at each look at the plant, all that has changed."""

import asyncio
import socket
import struct
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import msgspec
from aiohttp import WSCloseCode, web

from pibridge.simulator.call import Call
from pibridge.simulator.edits import Action, Edit
from pibridge.simulator.faults import Fault, Faults, Kind
from pibridge.simulator.objects import Renderer
from pibridge.simulator.reading import Reader, Stream
from pibridge.simulator.rest_streams import head
from pibridge.simulator.samples import Sample, as_json

_NO_LINGER: Final = struct.pack("ii", 1, 0)
_PADDING: Final = 300


class Feed:
    """What one channel has to say at each look. Between two looks it keeps only how far it has come."""

    def __init__(self, call: Call, streams: Sequence[Stream]) -> None:
        renderer = Renderer(call)
        self._plant = call.plant
        self._settings = call.settings
        self._faults = call.faults
        self._streams = [(stream, {**head(renderer, stream), "UnitsAbbreviation": stream.unit}) for stream in streams]
        self._seen_ticks = call.now
        self._seen_edit = call.plant.edit_count
        self._held: dict[str, list[Sample]] = {}
        self._rng = Random(f"{call.settings.seed}|{call.now}")
        self._opened = call.now

    def initial(self) -> list[dict[str, Any]]:
        """Give the current value of every stream."""
        reader = Reader(self._plant, self._opened)
        return [self._item(stream, top, [reader.current(stream)]) for stream, top in self._streams]

    def changes(self, now: int) -> list[dict[str, Any]]:
        """Give what is new since the last look: snapshots, edits; some late, some repeated."""
        if now < self._seen_ticks:
            return []
        edited = self._plant.edit_count > self._seen_edit
        items = []
        for stream, top in self._streams:
            if stream.point is None or not self._plant.has(stream.point):
                continue
            fresh = self._plant.arrivals(stream.point, self._seen_ticks, now)
            samples = self._delayed(stream, fresh)
            if edited:
                samples += self._edits(self._plant.edits_after(stream.point, self._seen_edit))
            if samples and self._chance(self._settings.repeated_share):
                samples.append(self._plant.current(stream.point, now))
            if samples:
                items.append(self._item(stream, top, [stream.seen(sample) for sample in samples]))
        self._seen_ticks, self._seen_edit = now, self._plant.edit_count
        return items

    def _delayed(self, stream: Stream, fresh: list[Sample]) -> list[Sample]:
        late = self._held.pop(stream.path, [])
        if fresh and self._chance(self._settings.late_share):
            at = self._rng.randrange(len(fresh))
            self._held[stream.path] = [fresh.pop(at)]
        return fresh + late

    def _edits(self, edits: list[Edit]) -> list[Sample]:
        sends_deletions = self._settings.channel_sends_deletions
        return [
            msgspec.structs.replace(edit.sample, substituted=True) if edit.action is Action.DELETE else edit.sample
            for edit in edits
            if edit.action is not Action.DELETE or sends_deletions
        ]

    def _chance(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share

    def _item(self, stream: Stream, top: dict[str, Any], samples: list[Sample]) -> dict[str, Any]:
        if self._faults.stream_error(stream.path):
            return {**top, "Items": [], "Errors": [{"FieldName": "Items", "Message": ["The simulated stream failed."]}]}
        items = [as_json(sample, stream.unit) for sample in samples]
        return {**top, "Items": self._faults.values(stream.path, items)}


class Channel:
    """One open WebSocket and its feed, until the client leaves, the server stops or a fault strikes."""

    def __init__(self, call: Call, streams: Sequence[Stream], socket_: web.WebSocketResponse) -> None:
        self._call = call
        self._socket = socket_
        self._feed = Feed(call, streams)
        self._faults: Faults = call.faults
        self._deaf = False
        self._empty_looks = 0
        heartbeat = call.query.text("heartbeatRate", "0")
        self._heartbeat = int(heartbeat) if heartbeat.isdecimal() else 0
        self._looked = call.faults.clock()

    async def run(self, request: web.Request) -> None:
        """Send until it ends."""
        if self._call.query.flag("includeInitialValues"):
            await self._send(self._feed.initial())
        reader = asyncio.create_task(self._listen())
        try:
            while not self._socket.closed:
                done, _ = await asyncio.wait({reader}, timeout=self._call.settings.channel_interval_s)
                if done or not await self._look(request):
                    return
        except ConnectionError:
            return
        finally:
            reader.cancel()
            await asyncio.wait({reader})

    async def _look(self, request: web.Request) -> bool:
        since, self._looked = self._looked, self._faults.clock()
        path = request.path_qs
        drop = self._faults.channel(Kind.DROP_CHANNEL, since, path)
        if drop is not None:
            await hang_up(self._socket, request, drop.value)
            return False
        if self._faults.channel(Kind.SILENCE, since, path):
            self._deaf = True
        if self._faults.channel(Kind.STALL, since, path):
            return True
        changes = self._feed.changes(self._call.plant.clock())
        big = self._faults.channel(Kind.BIG_MESSAGE, since, path)
        await self._send_changes([] if self._deaf else self._bent(changes, since, path), big, since, path)
        return True

    async def _send_changes(self, changes: list[dict[str, Any]], big: Fault | None, since: float, path: str) -> None:
        if changes or big:
            self._empty_looks = 0
            await self._send(changes, int(big.number_value) if big else 0)
            return
        self._empty_looks += 1
        if 0 < self._heartbeat <= self._empty_looks and not self._faults.channel(Kind.NO_HEARTBEAT, since, path):
            self._empty_looks = 0
            await self._send([])

    def _bent(self, changes: list[dict[str, Any]], since: float, path: str) -> list[dict[str, Any]]:
        if changes and self._faults.channel(Kind.REORDER, since, path):
            changes = [{**item, "Items": item["Items"][::-1]} for item in changes[::-1]]
        if changes and self._faults.channel(Kind.DUPLICATE, since, path):
            changes = [{**item, "Items": item["Items"] * 2} for item in changes]
        return changes

    async def _send(self, items: list[dict[str, Any]], least_bytes: int = 0) -> None:
        message: dict[str, Any] = {"Links": {}, "Items": items}
        if least_bytes:
            # Links a client does not read make the message large without making values up.
            message["Links"] = {f"Padding{number}": "x" * _PADDING for number in range(least_bytes // _PADDING)}
        await self._socket.send_str(encode(message, self._faults).decode())

    async def _listen(self) -> None:
        async for _ in self._socket:
            """What a client sends is ignored."""


async def hang_up(socket_: web.WebSocketResponse, request: web.Request, how: str) -> None:
    """End a channel: `abort` resets the connection, `fin` ends it without a close frame, a number is the close code."""
    if how.isdecimal():
        await socket_.close(code=int(how), message=WSCloseCode.GOING_AWAY.name.encode())
    else:
        cut(request.transport, reset=how == "abort")


def cut(transport: asyncio.BaseTransport | None, *, reset: bool) -> None:
    """End a connection from below, with a reset or in order."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if reset and connection is not None:
        # Without lingering, the close becomes a reset and what is unsent is thrown away.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
            return
    transport.close()


def encode(body: Any, faults: Faults) -> bytes:
    """Give the JSON of an answer or a message."""
    data = msgspec.json.encode(body)
    return faults.written(data)
