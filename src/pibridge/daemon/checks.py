"""What `pibridge check` looks at: PI, each stream's tags, each sink; one finding each."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from pibridge.config.settings import Configuration
from pibridge.errors import PIBridgeError
from pibridge.model import ticks
from pibridge.pi.channel import open_channel
from pibridge.pi.client import PiClient
from pibridge.pi.landing import landing
from pibridge.pi.selection import resolve
from pibridge.sinks import build

_CLOCKS_APART_S = 60.0


@dataclass(frozen=True)
class Finding:
    """`about`: the key or part. `found`: what is there, or what is wrong and why. `hint`: what to do next."""

    level: Literal["fine", "doubt", "wrong"]
    about: str
    found: str
    hint: str = ""


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
            yield _wrong(about, error)
        else:
            yield Finding("fine", about, found)


async def _pi(configuration: Configuration) -> AsyncIterator[Finding]:
    async with PiClient(configuration.pi) as client:
        try:
            server = await landing(client)
        except PIBridgeError as error:
            yield _wrong("pi", error)
            return
        version = f"PI Web API {server.product_version}".rstrip()
        yield Finding("fine", "pi", f"{version} at {client.host}, as {server.user or 'nobody (anonymous)'}")
        apart_s = abs(client.server_ticks() / ticks.PER_SECOND - time.time())
        if apart_s > _CLOCKS_APART_S:
            yield Finding(
                "doubt", "clock", f"PI's clock and ours are {apart_s:.0f} s apart", "set this machine's clock by NTP"
            )
        web_id = ""
        readers: dict[str, str] = {}
        for name, stream in sorted(configuration.streams.items()):
            about = f"streams.{name}"
            try:
                selection = await resolve(client, name, stream.mode, stream.select)
            except PIBridgeError as error:
                yield _wrong(about, error)
                continue
            for problem in selection.problems:
                yield Finding("doubt", about, f"{problem.path}: {problem.reason}", problem.hint)
            taken = {readers[tag.key] for tag in selection.tags if tag.key in readers}
            for reader in sorted(taken):
                shared = [tag.name for tag in selection.tags if readers.get(tag.key) == reader]
                yield Finding(
                    "doubt", about, f"{len(shared)} of its tags are read by streams.{reader}, such as {shared[0]}"
                )
            readers |= {tag.key: name for tag in selection.tags if tag.key not in readers}
            if selection.tags:
                if stream.via == "channel":
                    web_id = web_id or selection.tags[0].web_id
                yield Finding("fine", about, f"{len(selection.tags)} tags, such as {selection.tags[0].name}")
            else:
                yield Finding("wrong", about, "selects no tag", "look at select with `pibridge tags`")
        if web_id:
            yield await _channel(client, web_id)


async def _channel(client: PiClient, web_id: str) -> Finding:
    try:
        async with open_channel(client, [web_id]) as channel:
            await channel.receive()
    except PIBridgeError as error:
        return _wrong("channel", error)
    return Finding("fine", "channel", "opens, and sends the present value")


def _wrong(about: str, error: PIBridgeError) -> Finding:
    return Finding("wrong", about, str(error.args[0]), error.hint)
