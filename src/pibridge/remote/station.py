"""Tells how the daemon is, and answers what is asked, whenever there is a connection; nothing else waits for it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn

import msgspec
import structlog
from msgspec import Raw

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.remote.health import Health, State
from pibridge.remote.line import Line, Session
from pibridge.remote.requests import Answer, Desk, Ignored, Request
from pibridge.remote.settings import RemoteSettings

Command = Callable[[Raw], Awaitable[Any]]
"""Does what is asked for with these particulars, as JSON; gives what was done, or raises PIBridgeError."""

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_FAREWELL_S: Final = 0.5
_MOST_WAITING: Final = 100
"""Requests that wait to be done, and answers that wait for a connection."""
_MOST_RECORDS: Final = 31


class Station:
    """One line, and what goes over it. `health`: gives the record of now. `will`: the record if the line is lost.

    `commands`: what may be asked for, by name; there is nothing else.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what is told and what is taken; only the daemon makes one
        self,
        settings: RemoteSettings,
        site: str,
        line: Line,
        health: Callable[[], Health],
        will: Mapping[str, Any],
        commands: Mapping[str, Command],
    ) -> None:
        heard, asked = settings.health, settings.commands
        self._health_topic = heard.topic.replace("{site}", site) if heard else None
        self._every_s = heard.every if heard else None
        self._requests_topic = asked.topic.replace("{site}", site) if asked else None
        self._answers_topic = asked.answers.replace("{site}", site) if asked else ""
        self._line = line
        self._health = health
        self._will = (self._health_topic, msgspec.json.encode(will)) if self._health_topic else None
        self._commands = commands
        self._desk = Desk()
        self._asked: deque[Request] = deque()
        self._is_asked = asyncio.Event()
        self._answers: deque[Answer] = deque()
        self._has_news = asyncio.Event()
        self._records: deque[bytes] = deque(maxlen=_MOST_RECORDS)
        self._sending = asyncio.Lock()
        self._session: Session | None = None
        self._is_stopping = False
        self._ignored = ""
        self._trouble = ""
        self._log = structlog.get_logger(via="remote")

    async def run(self) -> None:
        """Connect, again and again, and serve."""
        async with asyncio.TaskGroup() as tasks:
            # A request that was taken is done, whatever becomes of the connection.
            tasks.create_task(self._do(), name="requests from afar")
            await self._connect()

    def report(self, record: Mapping[str, Any]) -> None:
        """Tell this record, too, where health records are told; while there is no connection it waits."""
        self._records.append(msgspec.json.encode(record))
        self._has_news.set()

    async def settle(self) -> None:
        """Answer what was done, if that is possible at once."""
        session = self._session
        if session is not None:
            with suppress(PIBridgeError, TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._send_answers(session)

    async def farewell(self) -> None:
        """Say that the daemon stops, if that is possible at once; from now on each record says it."""
        self._is_stopping = True
        session = self._session
        if session is not None:
            with suppress(PIBridgeError, TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._tell(session)

    async def _connect(self) -> NoReturn:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with self._line.session(self._will, self._requests_topic, self._hear) as self._session:
                    self._trouble, pause_s = "", _FIRST_PAUSE_S
                    self._log.info("connected for health records and requests")
                    await self._serve(self._session)
            except UnavailableError as error:
                if self._trouble != str(error):
                    self._trouble = str(error)
                    self._log.warning("no connection for health records and requests, tried again", error=str(error))
            finally:
                self._session = None
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _serve(self, session: Session) -> None:
        """Use a connection until it is lost. Raises UnavailableError."""
        parts = [asyncio.create_task(part) for part in (self._beat(session), self._reply(session), _lost(session))]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            ended = await asyncio.gather(*parts, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _beat(self, session: Session) -> NoReturn:
        """Tell how the daemon is, now and then."""
        while self._every_s is not None:
            await self._tell(session)
            await asyncio.sleep(self._every_s)
        await asyncio.Event().wait()
        raise AssertionError  # nobody sets it

    async def _tell(self, session: Session) -> None:
        if self._health_topic is None:
            return
        health = self._health()
        if self._is_stopping:
            health = msgspec.structs.replace(health, state=State.STOPPING)
        payload = msgspec.json.encode(health)
        if len(payload) > self._line.most_bytes:
            payload = msgspec.json.encode(msgspec.structs.replace(health, problems=["too many for this record"]))
        if len(payload) > self._line.most_bytes:
            self._log.warning(
                "a health record is too large for this way",
                bytes=len(payload),
                most_bytes=self._line.most_bytes,
                hint="shorten the names of sinks, or send by another sink: remote.via",
            )
            return
        await self._publish(session, self._health_topic, payload)

    async def _reply(self, session: Session) -> NoReturn:
        """Send answers as they come."""
        while True:
            await self._send_answers(session)
            self._has_news.clear()
            await self._has_news.wait()

    async def _send_answers(self, session: Session) -> None:
        async with self._sending:
            while self._answers:
                await self._send(session, self._answers[0])
                self._answers.popleft()
            while self._records and self._health_topic is not None:
                await self._publish(session, self._health_topic, self._records[0])
                self._records.popleft()

    async def _send(self, session: Session, answer: Answer) -> None:
        payload = answer.payload()
        if len(payload) > self._line.most_bytes:
            error = f"the answer has {len(payload)} bytes, this way takes {self._line.most_bytes}"
            payload = Answer(id=answer.id, do=answer.do, error=error).payload()
        await self._publish(session, self._answers_topic, payload)

    async def _publish(self, session: Session, topic: str, payload: bytes) -> None:
        """Publish. Raises UnavailableError; what is refused for good is said."""
        try:
            await session.publish(topic, payload)
        except UnavailableError:
            raise
        except PIBridgeError as error:
            self._log.warning("a record or an answer is not taken", topic=topic, error=str(error))

    async def _do(self) -> NoReturn:
        """Do what is asked for, one after the other."""
        while True:
            await self._is_asked.wait()
            self._is_asked.clear()
            while self._asked:
                answer = await self._answer(self._asked[0])
                self._asked.popleft()
                self._answers.append(answer)
                self._has_news.set()

    def _hear(self, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 - called by the loop, by position
        taken = self._desk.take(payload, asyncio.get_running_loop().time(), is_retained=is_retained)
        if isinstance(taken, Ignored):
            self._note_ignored(taken.reason)
            return
        if len(self._asked) + len(self._answers) >= _MOST_WAITING:
            self._note_ignored("too many wait for an answer")
            return
        if isinstance(taken, Request):
            self._asked.append(taken)
            self._is_asked.set()
        else:
            self._log.warning("a request is refused", id=taken.id, do=taken.do, error=taken.error)
            self._answers.append(taken)
            self._has_news.set()

    def _note_ignored(self, reason: str) -> None:
        """Log it; of a flood once."""
        if self._ignored != reason:
            self._ignored = reason
            self._log.warning(
                "a request is ignored", topic=self._requests_topic, reason=reason, hint="look who publishes there"
            )

    async def _answer(self, request: Request) -> Answer:
        """Do what is asked for, or say why not."""
        done, refused = None, ""
        try:
            done = await self._command(request)
        except msgspec.MsgspecError as error:
            refused = f"having: {error}"
        except PIBridgeError as error:
            refused = str(error)
        except Exception:  # noqa: BLE001 - a request ends here: no other one may suffer from it
            self._log.exception(
                "a request has failed", id=request.id, do=request.do, hint="report this with its traceback"
            )
            refused = "failed by a mistake of PI Bridge; its log says more"
        self._log.info("request from afar", id=request.id, do=request.do, refused=refused)
        return Answer(id=request.id, do=request.do, done=done, error=refused)

    async def _command(self, request: Request) -> Any:
        command = self._commands.get(request.do)
        if command is None:
            raise PIBridgeError(f"cannot {request.do}; there are {', '.join(sorted(self._commands))}")
        return await command(request.having)


async def _lost(session: Session) -> NoReturn:
    raise await session.until_lost()
