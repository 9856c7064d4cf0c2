"""Channels: WebSockets on which PI sends what changes."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, cast
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from pibridge.errors import ThrottledError, UnauthorizedError, UnavailableError
from pibridge.pi.answers import FORBIDDEN, error_of
from pibridge.pi.auth import Credentials
from pibridge.pi.client import PiClient
from pibridge.pi.connection import LARGEST_BYTES, Connection
from pibridge.pi.url_groups import url_groups

_PING_S: Final = 20
_CLOSE_S: Final = 2
_HEARTBEAT_RATE: Final = 5  # polls of about a second
_UPGRADE_HINT: Final = (
    "if PI answers REST, which pibridge check tells, a proxy on the way may pass no WebSockets: have it pass upgrades,"
    " or give the streams via: updates"
)
_BEARER_HINT: Final = "PI Web API may take no bearer tokens on channels; give the streams via: updates"


def plan_channels(web_ids: Iterable[str], streams_per_channel: int, url_bytes: int) -> list[list[str]]:
    """Group web ids, in their order and each once, into as many as one channel and one URL take."""
    return url_groups(web_ids, "webId", url_bytes, most=streams_per_channel)


class Channel:
    """An open channel. Read it without pause: PI drops what a slow reader leaves waiting, and does not say so."""

    def __init__(self, connection: Connection, host: str, silence_s: float) -> None:
        self._connection = connection
        self._host = host
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._reason = ""
        self._watch = self._loop.call_later(silence_s, self._look)

    async def receive(self) -> list[bytes]:
        """Wait for messages, heartbeats included, and give all that have come, at least one.

        Raises UnavailableError: the channel is gone or silent.
        """
        self._waiting_since = self._loop.time()
        try:
            return await self._connection.messages()
        except ConnectionClosed as error:
            raise UnavailableError(self._why(error)) from error
        finally:
            self._waiting_since = None

    def give_up(self, reason: str) -> None:
        """Break the connection off: `receive` raises UnavailableError with this reason."""
        self._reason = reason
        self._connection.transport.abort()

    def release(self) -> None:
        """Stop watching for silence."""
        self._watch.cancel()

    def _look(self) -> None:
        # One timer for all messages: a timeout for each would cost more than decoding it.
        now = self._loop.time()
        heard = now if self._waiting_since is None else self._waiting_since
        left_s = heard + self._silence_s - now
        if left_s <= 0:
            self.give_up(f"{self._host} sent nothing on a channel for {self._silence_s:g} s, not even a heartbeat")
            return
        self._watch = self._loop.call_later(left_s, self._look)

    def _why(self, error: ConnectionClosed) -> str:
        if self._reason:
            return self._reason
        if error.rcvd is not None:
            return f"{self._host} closed the channel: {error.rcvd.code} {error.rcvd.reason}".rstrip()
        if error.sent is not None:
            return f"the channel to {self._host} was given up: {error.sent.code} {error.sent.reason}".rstrip()
        return f"the channel to {self._host} broke off: 1006"


class _Handshake(connect):
    """A handshake that follows no redirects: they would carry the credentials to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Give the answer back as the failure that it is."""
        return exc


@asynccontextmanager
async def open_channel(
    client: PiClient,
    web_ids: Sequence[str],
    *,
    initial_values: bool = True,
    heartbeat_rate: int = _HEARTBEAT_RATE,
    silence_s: float | None = None,
) -> AsyncIterator[Channel]:
    """Open one channel for all the web ids; leaving closes it.

    `heartbeat_rate`: after how many empty polls of its own (about a second each) PI sends a heartbeat. `silence_s`: how
    long no message at all is borne, by default `pi.timeouts.silent_channel`.
    UnavailableError: try again later. UnauthorizedError: 401, 403; waiting for leave is done here. RejectedError: 404
    or 400, one of the ids is unknown, and PI does not say which; `recorded.values` finds it.
    """
    settings = client.settings
    url = _channel_url(settings.url, web_ids, initial_values, heartbeat_rate)
    connection = await client.shake_hands(partial(_connect, client, url))
    channel = Channel(connection, client.host, silence_s or settings.timeouts.silent_channel)
    try:
        yield channel
    finally:
        channel.release()
        await connection.leave()


def _channel_url(base: str, web_ids: Sequence[str], initial_values: bool, heartbeat_rate: int) -> str:  # noqa: FBT001 - a value
    query = urlencode(
        [
            ("includeInitialValues", str(initial_values).lower()),
            ("heartbeatRate", str(heartbeat_rate)),
            ("webIdType", "IDOnly"),
            *(("webId", web_id) for web_id in web_ids),
        ]
    )
    # http becomes ws, https wss
    return f"ws{base.removeprefix('http')}/streamsets/channel?{query}"


async def _connect(client: PiClient, url: str, credentials: Credentials) -> Connection:
    host, sent = client.host, client.monotonic()
    try:
        connection = await _Handshake(
            url,
            additional_headers=dict(credentials.headers),
            ssl=client.ssl_context if urlsplit(url).scheme == "wss" else None,
            compression=None,  # costs more time here than it saves on a plant's network
            proxy=None,
            open_timeout=client.settings.timeouts.connect,
            ping_interval=_PING_S,
            ping_timeout=_PING_S,
            close_timeout=_CLOSE_S,
            max_size=LARGEST_BYTES,
            create_connection=Connection,
        )
        answer = connection.response.headers if connection.response else Headers()
    except InvalidStatus as error:
        response = error.response
        failure = error_of(response.status_code, bytes(response.body or b""), about="the opening of a channel")
        if isinstance(failure, UnauthorizedError) and client.settings.auth.method == "bearer":
            failure.hint = _BEARER_HINT
        elif response.status_code == FORBIDDEN:
            failure.hint = f"{failure.hint}; {_UPGRADE_HINT}"
        elif not isinstance(failure, ThrottledError | UnauthorizedError):
            failure.hint = _UPGRADE_HINT
    except TimeoutError:
        failure = UnavailableError(f"{host} did not answer the opening of a channel in time", hint=_UPGRADE_HINT)
    except (OSError, InvalidHandshake, ConnectionClosed) as error:
        failure = UnavailableError(
            f"{host} could not open a channel: {type(error).__name__}: {error}", hint=_UPGRADE_HINT
        )
    else:
        client.observe(answer.get("Date", ""), sent)
        try:
            credentials.accepted(answer.get_all("WWW-Authenticate"))
        except UnavailableError:
            connection.transport.abort()
            raise
        return cast("Connection", connection)  # made by `create_connection`
    # Not `from` the library's error: that holds what the server sent.
    raise failure
