"""Is PI there: name, port, TLS, path, login, clock, and whether WebSockets and Stream Updates pass."""

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from pibridge.daemon.finding import Finding, wrong
from pibridge.errors import PIBridgeError, UnauthorizedError, UnavailableError
from pibridge.model import ticks
from pibridge.pi.answers import UNAUTHORIZED
from pibridge.pi.certificates import shown_by
from pibridge.pi.channel import open_channel
from pibridge.pi.client import PiClient
from pibridge.pi.landing import Landing, landing
from pibridge.pi.reach import address, piwebapi_beside, reach
from pibridge.pi.settings import PiSettings
from pibridge.pi.trial import refusal_of_updates

_CLOCKS_APART_S: Final = 60.0
_EXPIRES_SOON: Final = timedelta(days=30)
_SILENCE_S: Final = 15.0
_LOGIN_HINTS: Final = {
    "anonymous": "the server wants to know who we are; give a method that it allows (basic, kerberos, bearer)",
    "basic": "user name and password, that the account is not locked, and that the server allows Basic",
    "kerberos": "that there is a ticket (klist), that the server's name in pi.url is that of its SPN, and the clocks",
    "bearer": "that the token is of the identity provider that the server trusts, and that the server allows Bearer",
}


async def server_findings(client: PiClient) -> AsyncIterator[Finding]:
    """Tell what stands between us and PI. The last finding is about `pi`, and fine, if nothing does."""
    settings = client.settings
    try:
        server = await landing(client)
    except UnauthorizedError as error:
        yield _login(error, settings)
        return
    except UnavailableError as error:
        yield await _unreachable(error, settings)
        async for finding in _certificates(settings, soon_only=False):
            yield finding
        return
    except PIBridgeError as error:
        beside = await piwebapi_beside(settings)
        hint = f"PI Web API answers at {beside}; write that as pi.url" if beside else ""
        yield Finding("wrong", "pi", str(error.args[0]), hint or error.hint or "pi.url usually ends in /piwebapi")
        return
    async for finding in _certificates(settings, soon_only=True):
        yield finding
    for finding in _doubts(client, server):
        yield finding
    version = f"PI Web API {server.product_version}".rstrip()
    yield Finding("fine", "pi", f"{version} at {client.host}, as {server.user or 'nobody (anonymous)'}")


async def channel_finding(client: PiClient, web_id: str) -> Finding:
    """Open a channel for a tag that REST reads."""
    try:
        async with open_channel(client, [web_id], silence_s=_SILENCE_S) as channel:
            await channel.receive()
    except UnauthorizedError as error:
        return Finding(
            "wrong",
            "channel",
            f"{error.args[0]}, although PI answers REST",
            "PI takes no bearer tokens on channels; write via: updates"
            if _method(client.settings) == "bearer"
            else "have what stands before PI pass WebSockets with their login, or read the streams with via: updates",
        )
    except PIBridgeError as error:
        return Finding(
            "wrong",
            "channel",
            f"{error.args[0]}, although PI answers REST: a proxy on the way may not let WebSockets through",
            "have the proxy pass WebSocket upgrades, or read the realtime streams with via: updates",
        )
    return Finding("fine", "channel", "opens, and sends the present value")


async def updates_finding(client: PiClient, web_id: str) -> Finding:
    """Register a tag that REST reads for Stream Updates."""
    try:
        refused = await refusal_of_updates(client, web_id)
    except PIBridgeError as error:
        refused = error
    if refused is None:
        return Finding("fine", "updates", "PI keeps Stream Updates")
    hint = refused.hint or "PI Web API has Stream Updates from 2018 SP1 on; read with via: channel or via: poll"
    return Finding("wrong", "updates", str(refused.args[0]), hint)


async def _unreachable(error: UnavailableError, settings: PiSettings) -> Finding:
    try:
        await reach(settings)
    except UnavailableError as obstacle:
        return wrong("pi", obstacle)
    return wrong("pi", error)


async def _certificates(settings: PiSettings, *, soon_only: bool) -> AsyncIterator[Finding]:
    """Tell what the server shows; with `soon_only` just a certificate of its own that expires soon."""
    shown = []
    if urlsplit(settings.url).scheme == "https":
        with suppress(OSError, TimeoutError):
            shown = await shown_by(*address(settings), settings.timeouts.connect)
    if not soon_only:
        for certificate in shown:
            yield Finding("doubt", "certificate", str(certificate))
    elif shown and shown[0].expires - datetime.now(UTC) < _EXPIRES_SOON:
        yield Finding("doubt", "certificate", str(shown[0]), "it expires soon; renew it on the PI Web API server")


def _login(error: UnauthorizedError, settings: PiSettings) -> Finding:
    method = _method(settings)
    found = f"{error.args[0]} (pi.auth.method {method})"
    login = f"check pi.auth: {_LOGIN_HINTS[method]}" if method in _LOGIN_HINTS else error.hint
    hint = login if error.status == UNAUTHORIZED else error.hint
    return Finding("wrong", "pi", found, hint)


def _doubts(client: PiClient, server: Landing) -> list[Finding]:
    doubts = []
    apart_s = abs(client.server_ticks() / ticks.PER_SECOND - time.time())
    if apart_s > _CLOCKS_APART_S:
        found = f"PI's clock and ours are {apart_s:.0f} s apart"
        doubts.append(Finding("doubt", "clock", found, "set this machine's clock by NTP"))
    if not server.user and (method := _method(client.settings)) != "anonymous":
        found = f"PI takes us for nobody, although pi.auth says {method}"
        hint = "the server allows Anonymous, which overrides all other methods: take it from its AuthenticationMethods"
        doubts.append(Finding("doubt", "pi.auth", found, hint))
    return doubts


def _method(settings: PiSettings) -> str:
    return settings.auth.method
