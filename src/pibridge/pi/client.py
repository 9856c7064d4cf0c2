"""REST calls to PI Web API: paced, retried a few times, refused ones explained."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog
import tenacity
from aiolimiter import AsyncLimiter
from yarl import URL

from pibridge.errors import PIBridgeError, RejectedError, ThrottledError, UnavailableError
from pibridge.pi.answers import OK, REDIRECT, error_of
from pibridge.pi.auth import Auth, Credentials, make_auth
from pibridge.pi.failures import unanswered
from pibridge.pi.gate import Gate
from pibridge.pi.server_clock import ServerClock, since_boot
from pibridge.pi.settings import PiSettings
from pibridge.pi.tls import make_ssl_context
from pibridge.pi.url_groups import URL_BYTES, URL_BYTES_BESIDE_TICKET
from pibridge.pi.wire import BatchPart, Reader

T = TypeVar("T")

Params = Sequence[tuple[str, str]]
"""Query parameters; a name may come several times."""

_log = structlog.get_logger()
_THROTTLED_WAIT_S: Final = 1.0  # the period over which PI counts requests
_read_batch: Final = Reader(dict[str, BatchPart])


@dataclass(frozen=True)
class Retries:
    """How often one call is tried before its caller learns of the failure, and how long the waits between may grow."""

    attempts: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0
    throttled_wait_s: float = _THROTTLED_WAIT_S


class PiClient:
    """A connection to one PI Web API server; an async context manager.

    Calls raise UnavailableError (after a few tries), UnauthorizedError, RejectedError or TooMuchError. All calls and
    channels of one client share the pace and the gate after a refusal. `monotonic`: our clock, in seconds.
    """

    def __init__(
        self,
        settings: PiSettings,
        auth: Auth | None = None,
        *,
        retries: Retries = Retries(),
        monotonic: Callable[[], float] = since_boot,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.host = urlsplit(settings.url).netloc
        self.ssl_context = make_ssl_context(settings.tls)
        self.url_bytes = URL_BYTES_BESIDE_TICKET if settings.auth.method == "kerberos" else URL_BYTES
        self.gate = Gate(auth or make_auth(settings, self.ssl_context), self.host, monotonic=monotonic, sleep=sleep)
        self.monotonic = monotonic
        self._clock = ServerClock(monotonic)
        self._places = asyncio.Semaphore(settings.limits.concurrent_requests)
        # One request per slot of time, rather than a second's worth at once.
        self._pace = AsyncLimiter(1, 1 / settings.limits.requests_per_second)
        # Of all handshakes one waits for the pace, and of all calls: so neither stands behind many of the other.
        self._handshake, self._call_turn = asyncio.Lock(), asyncio.Lock()
        self._retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(UnavailableError),
            stop=tenacity.stop_after_attempt(retries.attempts),
            wait=_wait(retries),
            sleep=sleep,
            reraise=True,
        )
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        if not self.settings.tls.verify:
            _log.warning(
                "the certificate of PI is not checked",
                host=self.host,
                hint="anybody can pose as PI; give pi.tls.ca_file",
            )
        timeouts = self.settings.timeouts
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self.ssl_context, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect, sock_read=timeouts.read),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, params: Params, decoder: Callable[[bytes], T]) -> T:
        """GET below the base URL, and decode the answer's body (empty for 204)."""
        return await self._call("GET", path, params, None, decoder)

    async def post(self, path: str, json: Any, decoder: Callable[[bytes], T], *, params: Params = ()) -> T:
        """POST JSON below the base URL, and decode the answer's body. Only for what may be sent twice."""
        return await self._call("POST", path, params, msgspec.json.encode(json), decoder)

    async def batch(self, requests: Mapping[str, tuple[str, Params]]) -> dict[str, BatchPart]:
        """GET many in one call: name to path and parameters in, name to answer out.

        Each part has a status of its own. Raises UnavailableError if a part is missing.
        """
        body = {
            name: {"Method": "GET", "Resource": str(self._url(path, params))}
            for name, (path, params) in requests.items()
        }
        parts = await self.post("/batch", body, _read_batch)
        if missing := requests.keys() - parts.keys():
            raise UnavailableError(f"PI answered {len(missing)} of {len(requests)} requests of a batch with nothing")
        return parts

    async def shake_hands(self, connect: Callable[[Credentials], Awaitable[T]]) -> T:
        """Give what `connect` gives, at the pace of all calls and with leave of the gate; handshakes leave in turn."""
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._handshake)
            await self._pace.acquire()

            async def leave(credentials: Credentials) -> T:
                await turn.aclose()
                return await connect(credentials)

            return await self.gate.admit(leave)

    def try_now(self) -> None:
        """Try at once if PI refused us: a secret has changed, or somebody asked for it."""
        self.gate.try_now()

    def server_ticks(self) -> int:
        """Give PI's present time, right to about a second; before the first answer, ours."""
        return self._clock.ticks()

    def observe(self, date: str, sent: float) -> None:
        """Learn PI's time from the `Date` of an answer that has just come. `sent`: by `monotonic`."""
        self._clock.observe(date, sent, self.monotonic())

    def _url(self, path: str, params: Params) -> URL:
        return URL(self.settings.url + path).with_query(params)

    async def _call(
        self, method: str, path: str, params: Params, body: bytes | None, decoder: Callable[[bytes], T]
    ) -> T:
        async def attempt() -> T:
            async with self._places:
                async with self._call_turn:
                    await self._pace.acquire()
                return decoder(await self.gate.admit(partial(self._exchange, method, path, params, body)))

        # One object for each call: it keeps state between tries.
        return await self._retrying.copy()(attempt)

    async def _exchange(
        self, method: str, path: str, params: Params, body: bytes | None, credentials: Credentials
    ) -> bytes:
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with`")
        about = f"{method} {path}"
        # PI refuses to be written to without X-Requested-With, and takes a POST that only reads for writing.
        posting = {} if body is None else {"Content-Type": "application/json", "X-Requested-With": "pibridge"}
        sent = self.monotonic()
        try:
            async with self._session.request(
                method,
                self._url(path, params),
                data=body,
                headers={**posting, **credentials.headers},
                allow_redirects=False,  # they would carry the credentials to another host
            ) as response:
                self.observe(response.headers.get("Date", ""), sent)
                answer = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            failure: PIBridgeError = unanswered(error, about, self.host)
        else:
            if OK <= response.status < REDIRECT:
                credentials.accepted(response.headers.getall("WWW-Authenticate", []))
                return answer
            failure = _refused(response, answer, about)
        raise failure


def _wait(retries: Retries) -> Callable[[tenacity.RetryCallState], float]:
    growing = tenacity.wait_random_exponential(multiplier=retries.first_wait_s, max=retries.longest_wait_s)

    def wait(state: tenacity.RetryCallState) -> float:
        throttled = state.outcome is not None and isinstance(state.outcome.exception(), ThrottledError)
        return growing(state) + (retries.throttled_wait_s if throttled else 0)

    return wait


def _refused(response: aiohttp.ClientResponse, body: bytes, about: str) -> PIBridgeError:
    if REDIRECT <= response.status < HTTPStatus.BAD_REQUEST:
        target = urlsplit(response.headers.get("Location", ""))
        where = f"{target.scheme}://{target.hostname}{target.path}" if target.hostname else target.path
        return RejectedError(
            f"PI answered {about} with a redirect to {where}",
            status=response.status,
            hint="redirects are not followed; give the final address as pi.url",
        )
    return error_of(response.status, body, about=about)
