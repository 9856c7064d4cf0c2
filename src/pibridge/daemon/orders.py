"""What a command can have done to the journal: by the daemon that holds it, or by itself if there is none."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, Final, NoReturn

import msgspec
import structlog
from msgspec import Meta, Raw, Struct, structs

from pibridge import __version__
from pibridge.audit.mending import mend
from pibridge.context.choice import BEGINNING
from pibridge.daemon.mailbox import Answer, Mailbox, Request
from pibridge.errors import JournalLockedError, PIBridgeError, UnavailableError
from pibridge.journal import backfill, opening, replay
from pibridge.journal.backfill import Kind, WantedHistory, WantedRepair
from pibridge.journal.journal import Journal
from pibridge.journal.letters import Wanted
from pibridge.journal.replay import WantedReplay
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import Lane

DROP: Final = "drop dead letters"
RESEND: Final = "resend dead letters"
REPLAY: Final = "replay"
LIST_REPLAYS: Final = "list replays"
PAUSE_REPLAY: Final = "pause replay"
RESUME_REPLAY: Final = "resume replay"
CANCEL_REPLAY: Final = "cancel replay"
BACKFILL: Final = "backfill"
REREAD: Final = "reread"
REPAIR: Final = "repair"
LIST_BACKFILLS: Final = "list backfills"
PAUSE_BACKFILL: Final = "pause backfill"
RESUME_BACKFILL: Final = "resume backfill"
CANCEL_BACKFILL: Final = "cancel backfill"
COMPACT: Final = "compact the journal"
KNOWN: Final = "say what is known of tags"
"""Only a running daemon can."""

_LOOK_S: Final = 0.5
_ASK_S: Final = 0.1


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No particulars."""


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that goes on, by its id."""

    id: Annotated[str, Meta(min_length=1)]


async def _drop(journal: Journal, having: Raw) -> int:
    wanted = msgspec.json.decode(having, type=Wanted)
    dropped = await journal.letters.drop(wanted)
    structlog.get_logger().info("dead letters dropped, as asked", sink=wanted.sink, letters=dropped)
    return dropped


async def _resend(journal: Journal, having: Raw) -> int:
    wanted = msgspec.json.decode(having, type=Wanted)
    _require_sinks(journal, [wanted.sink])
    sent = await journal.letters.resend(wanted)
    structlog.get_logger().info("dead letters are sent again, as asked", sink=wanted.sink, letters=sent)
    return sent


async def _replay(journal: Journal, having: Raw) -> str:
    wanted = msgspec.json.decode(having, type=WantedReplay)
    _require_sinks(journal, wanted.sinks)
    replay_id = await journal.replays.order(wanted)
    structlog.get_logger().info("events are sent again, as asked", replay=replay_id, sinks=sorted(wanted.sinks))
    return replay_id


async def _list_replays(journal: Journal, having: Raw) -> list[dict[str, Any]]:
    msgspec.json.decode(having, type=Nothing)
    return [replay.told(each) for each in journal.replays.all]


def _reading(kind: Kind) -> Callable[[Journal, Raw], Awaitable[str]]:
    """Give the order that asks for history: it is in the journal, where the intake of the daemon finds it."""

    async def order(journal: Journal, having: Raw) -> str:
        wanted = msgspec.json.decode(having, type=WantedHistory)
        if wanted.choice.start_ticks == BEGINNING:
            raise PIBridgeError("history has no beginning", hint="say from when on")
        if wanted.choice.batches or wanted.choice.lanes:
            raise PIBridgeError("history knows neither batches nor lanes", hint="choose by tag, asset or stream")
        backfill_id = await journal.backfills.order(wanted, kind)
        structlog.get_logger().info("history is asked for", kind=kind, id=backfill_id)
        return backfill_id

    return order


async def _repair(journal: Journal, having: Raw) -> str:
    wanted = msgspec.json.decode(having, type=WantedRepair)
    known = len(journal.tags())
    if any(not 0 < number <= known for number in (*wanted.spans, *(event.tag for event in wanted.deletions))):
        raise PIBridgeError("this journal does not know all of these tags", hint="audit again")
    return await mend(journal, wanted, ticks.from_seconds(time.time()))


async def _list_backfills(journal: Journal, having: Raw) -> list[dict[str, Any]]:
    msgspec.json.decode(having, type=Nothing)
    gaps = await journal.gaps()
    return [backfill.told(each, gaps) for each in journal.backfills.all]


def _turning(turn: Callable[[Journal, str], Awaitable[int]]) -> Callable[[Journal, Raw], Awaitable[int]]:
    """Give the order that does this to something by its id, and tells in how many places it made a difference."""

    async def order(journal: Journal, having: Raw) -> int:
        return await turn(journal, msgspec.json.decode(having, type=Named).id)

    return order


def _require_sinks(journal: Journal, names: Iterable[str]) -> None:
    for name in names:
        if not any((name, lane) in journal.stat().lag for lane in Lane):
            raise PIBridgeError(
                f"the journal knows no sink {name} to send to", hint="start the daemon with this sink once"
            )


async def _compact(journal: Journal, _having: Raw) -> dict[str, Any]:
    done = await journal.compact()
    structlog.get_logger().info(
        "journal compacted, as asked", given_back_bytes=done.given_back_bytes, left_bytes=done.left_bytes
    )
    return structs.asdict(done)


Order = Callable[[Journal, Raw], Awaitable[Any]]

_ORDERS: Final[Mapping[str, Order]] = {
    DROP: _drop,
    RESEND: _resend,
    COMPACT: _compact,
    REPLAY: _replay,
    LIST_REPLAYS: _list_replays,
    PAUSE_REPLAY: _turning(lambda journal, replay_id: journal.replays.pause(replay_id)),
    RESUME_REPLAY: _turning(lambda journal, replay_id: journal.replays.resume(replay_id)),
    CANCEL_REPLAY: _turning(lambda journal, replay_id: journal.replays.cancel(replay_id)),
    BACKFILL: _reading("backfill"),
    REREAD: _reading("reread"),
    REPAIR: _repair,
    LIST_BACKFILLS: _list_backfills,
    PAUSE_BACKFILL: _turning(lambda journal, backfill_id: journal.backfills.pause(backfill_id)),
    RESUME_BACKFILL: _turning(lambda journal, backfill_id: journal.backfills.resume(backfill_id)),
    CANCEL_BACKFILL: _turning(lambda journal, backfill_id: journal.backfills.cancel(backfill_id)),
}


async def carry_out(journal: Journal, request: Request, more: Mapping[str, Order] = {}) -> Answer:
    """Do what is asked for, or say why not. `more`: orders that a running daemon has beside those of the journal."""
    order = {**_ORDERS, **more}.get(request.do)
    if order is None:
        return Answer(refused=f"PI Bridge {__version__}, which has the journal, cannot {request.do!r}")
    try:
        return Answer(done=await order(journal, request.having))
    except msgspec.MsgspecError as error:
        return Answer(refused=f"{request.do}: {error}")
    except PIBridgeError as error:
        return Answer(refused=str(error))


class Orders:
    """Does what commands ask of the daemon, one after the other."""

    def __init__(
        self,
        journal: Journal,
        mailbox: Mailbox,
        now: Callable[[], float] = time.time,
        *,
        more: Mapping[str, Order] = {},
    ) -> None:
        self._journal = journal
        self._more = more
        self._mailbox = mailbox
        self._now = now
        self._trouble = ""

    async def run(self) -> NoReturn:
        """Look for requests twice a second."""
        is_open = False
        while True:
            try:
                if not is_open:
                    await asyncio.to_thread(self._mailbox.open, self._now())
                    is_open = True
                while await self._do_next():
                    pass
                self._trouble = ""
            except OSError as error:
                is_open = False
                self._note(str(error))
            await asyncio.sleep(_LOOK_S)

    async def _do_next(self) -> bool:
        taken = await asyncio.to_thread(self._mailbox.take, self._now())
        if taken is None:
            return False
        request = taken.request
        if isinstance(request, Request):
            answer = await carry_out(self._journal, request, self._more)
        else:
            answer = Answer(refused=request)
        await asyncio.to_thread(self._mailbox.answer, taken.name, answer)
        return True

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            structlog.get_logger().warning("requests of commands cannot be read, tried again", error=trouble)


async def have_done(
    settings: JournalSettings, do: str, having: Struct, *, within_s: float = 30.0, now: Callable[[], float] = time.time
) -> Any:
    """Have it done by the daemon that holds the journal; without one, do it here. Give what was done.

    Raises PIBridgeError with the reason why it was not done; UnavailableError if no answer comes in time.
    """
    mailbox = Mailbox(settings.path)
    name = f"{time.time_ns()}-{os.getpid()}"
    request = Request(do=do, having=Raw(msgspec.json.encode(having)), until_s=now() + within_s)
    is_left = False
    while True:
        answer = mailbox.fetch(name) or await _done_here(settings, request, mailbox, name)
        if answer is None:
            is_left = is_left or mailbox.leave(name, request)
            if now() < request.until_s:
                await asyncio.sleep(_ASK_S)
                continue
            raise _no_answer(within_s, was_taken=is_left and not mailbox.withdraw(name), was_left=is_left)
        if answer.refused:
            raise PIBridgeError(answer.refused)
        return answer.done


async def asked(settings: JournalSettings, do: str, having: Struct, *, within_s: float = 5.0) -> Any:
    """Ask the daemon that holds the journal, and nobody else. None: there is none, or it cannot say."""
    mailbox = Mailbox(settings.path)
    name = f"{time.time_ns()}-{os.getpid()}"
    until_s = time.time() + within_s
    if not opening.is_locked(settings.path):
        return None
    try:
        mailbox.leave(name, Request(do=do, having=Raw(msgspec.json.encode(having)), until_s=until_s))
        while True:
            answer = mailbox.fetch(name)
            if answer is not None or time.time() > until_s:
                break
            await asyncio.sleep(_ASK_S)
        if answer is None:
            mailbox.withdraw(name)
    except (OSError, PIBridgeError):
        return None
    return None if answer is None or answer.refused else answer.done


async def _done_here(settings: JournalSettings, request: Request, mailbox: Mailbox, name: str) -> Answer | None:
    """Do it if nobody has the journal, also what a daemon had begun. None: somebody has it."""
    try:
        journal = await Journal.open(settings)
    except JournalLockedError:
        return None
    try:
        answer = mailbox.fetch(name)
        if answer is None:
            mailbox.withdraw(name)
            answer = await carry_out(journal, request)
        return answer
    finally:
        await journal.close()


def _no_answer(within_s: float, *, was_left: bool, was_taken: bool) -> UnavailableError:
    if was_taken:
        said, hint = f"the daemon is at it, but not done within {within_s:g} s", "it goes on; look again later"
    elif was_left:
        said, hint = f"the daemon has not answered within {within_s:g} s, nothing was done", "see its log, ask again"
    else:
        said, hint = "another program has the journal and takes no requests, nothing was done", "ask again later"
    return UnavailableError(said, hint=hint)
