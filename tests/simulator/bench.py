"""A simulator on a real socket whose time the test decides."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import Simulator

NOW = 17_900_000_000 * 1_000_000
"""2026-09-21T14:13:20Z."""


@dataclass
class Clock:
    """The plant's time."""

    ticks: int = NOW

    def __call__(self) -> int:
        """Give it."""
        return self.ticks

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.ticks += round(seconds * PER_SECOND)


@dataclass
class Answered:
    """What the server said."""

    status: int
    text: str
    headers: Any

    @property
    def body(self) -> Any:
        """The JSON."""
        return msgspec.json.decode(self.text)

    @property
    def items(self) -> list[Any]:
        """The list in the JSON."""
        items = self.body["Items"]
        assert isinstance(items, list)
        return items


@dataclass
class Bench:
    """A running simulator, its clock, a client."""

    simulator: Simulator
    clock: Clock
    session: ClientSession
    _open: list[ClientWebSocketResponse] = field(default_factory=list)

    async def get(self, path: str, /, **parameters: Any) -> Answered:
        """Ask below /piwebapi."""
        async with self.session.get(self.simulator.url + path, params=parameters or None) as response:
            return Answered(response.status, await response.text(), response.headers)

    async def post(self, path: str, body: Any, *, csrf: bool = True) -> Answered:
        """Send JSON below /piwebapi."""
        headers = {"X-Requested-With": "XmlHttpRequest"} if csrf else {}
        async with self.session.post(self.simulator.url + path, json=body, headers=headers) as response:
            return Answered(response.status, await response.text(), response.headers)

    async def web_id(self, path: str) -> str:
        """Give the IDOnly WebID of a point, an element or an attribute."""
        folder = "points" if path.startswith("\\\\PISRV1") else "attributes" if "|" in path else "elements"
        answer = await self.get(f"/{folder}", path=path, webIdType="IDOnly")
        return str(answer.body["WebId"])

    async def channel(self, *paths: str, **parameters: str) -> ClientWebSocketResponse:
        """Open an ad hoc channel for these paths."""
        asked = [("webId", await self.web_id(path)) for path in paths] + list(parameters.items())
        return await self.connect(f"/streamsets/channel?{urlencode(asked)}")

    async def connect(self, path: str) -> ClientWebSocketResponse:
        """Open any channel below /piwebapi."""
        channel = await self.session.ws_connect(self.simulator.url + path, max_msg_size=1 << 23)
        self._open.append(channel)
        return channel

    async def close(self) -> None:
        """Close all channels."""
        for channel in self._open:
            await channel.close()


async def message(channel: ClientWebSocketResponse) -> Any:
    """Give the next message of a channel."""
    received = await asyncio.wait_for(channel.receive(), 10)
    assert received.type is WSMsgType.TEXT, received
    return msgspec.json.decode(received.data)
