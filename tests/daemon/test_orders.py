import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from journal.samples import NOW, opened
from journal.test_letterbox import refuse
from pibridge.daemon.mailbox import FOLDER, Answer, Mailbox, Request
from pibridge.daemon.orders import (
    BACKFILL,
    CANCEL_BACKFILL,
    CANCEL_REPLAY,
    COMPACT,
    DROP,
    LIST_BACKFILLS,
    LIST_REPLAYS,
    PAUSE_BACKFILL,
    PAUSE_REPLAY,
    REPAIR,
    REPLAY,
    REREAD,
    RESEND,
    RESUME_BACKFILL,
    RESUME_REPLAY,
    Nothing,
    Orders,
    carry_out,
    have_done,
)
from pibridge.daemon.orders import asked as ask
from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.journal.backfill import WantedRepair
from pibridge.journal.journal import Journal
from pibridge.journal.letters import Wanted
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import DELETE, Event
from waiting import eventually, running

LAKE = Wanted(sink="lake")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """Open a journal of which a sink has refused three events."""
    async with opened(tmp_path) as journal:
        await refuse(journal)
        yield journal


def settings_of(folder: Path) -> JournalSettings:
    """Give settings under which nothing grows old: what these tests journal is of the past."""
    return JournalSettings(path=folder, retain=1e11)


def asked(do: str, having: bytes = b'{"sink":"lake"}') -> Request:
    """Give a request."""
    return Request(do=do, having=Raw(having), until_s=1e12)


async def test_the_daemon_does_what_is_asked(tmp_path: Path, journal: Journal) -> None:
    """A command in another process asks, the daemon that holds the journal does it, the command gets the answer."""
    settings = settings_of(tmp_path)
    async with running(Orders(journal, Mailbox(tmp_path)).run()):
        await eventually((tmp_path / FOLDER).is_dir)
        assert await have_done(settings, RESEND, Wanted(sink="lake", seqs=(1, 2))) == 2
        assert await have_done(settings, DROP, LAKE) == 1
    assert [each.seq for each in (await journal.letters.next("lake")).letters] == [1, 2]
    assert list((tmp_path / FOLDER).iterdir()) == []


async def test_without_a_daemon_it_is_done_here(tmp_path: Path) -> None:
    """Nobody holds the journal: the command opens it itself, and lets go of it."""
    settings = settings_of(tmp_path)
    async with opened(tmp_path) as journal:
        await refuse(journal)
    assert await have_done(settings, DROP, LAKE) == 3
    assert await have_done(settings, DROP, LAKE) == 0


@pytest.mark.parametrize("was_taken", [False, True])
async def test_a_daemon_that_dies_leaves_it_to_the_command(tmp_path: Path, *, was_taken: bool) -> None:
    """Killed before it answered, also in the middle: the command does it, or what is left of it."""
    mailbox = Mailbox(tmp_path)
    async with opened(tmp_path) as journal:
        await refuse(journal)
        mailbox.open(NOW)
        asking = asyncio.ensure_future(have_done(settings_of(tmp_path), DROP, LAKE))
        await eventually(lambda: list((tmp_path / FOLDER).glob("*.request")))
        if was_taken:
            assert mailbox.take(0.0) is not None
            await journal.letters.drop(Wanted(sink="lake", seqs=(1,)))
    assert await asyncio.wait_for(asking, 10) == (2 if was_taken else 3)
    assert list((tmp_path / FOLDER).iterdir()) == []


async def test_an_answer_of_a_daemon_that_has_ended_since_counts(tmp_path: Path) -> None:
    """It is not done twice."""
    mailbox = Mailbox(tmp_path)
    async with opened(tmp_path):
        mailbox.open(NOW)
        asking = asyncio.ensure_future(have_done(settings_of(tmp_path), DROP, LAKE))
        await eventually(lambda: list((tmp_path / FOLDER).glob("*.request")))
        taken = mailbox.take(0.0)
        assert taken is not None
        mailbox.answer(taken.name, Answer(done=99))
    assert await asyncio.wait_for(asking, 10) == 99


@pytest.mark.parametrize(
    ("is_there", "takes", "told"),
    [
        (False, False, "takes no requests, nothing was done"),
        (True, False, "has not answered within 0.3 s, nothing was done"),
        (True, True, "it goes on"),
    ],
)
async def test_no_answer_in_time_says_what_that_means(
    tmp_path: Path,
    journal: Journal,
    is_there: bool,  # noqa: FBT001 - drawn from the table
    takes: bool,  # noqa: FBT001 - as above
    told: str,
) -> None:
    """Whether anything was done, and what to do; a request that was not taken is taken back."""
    mailbox = Mailbox(tmp_path)
    if is_there:
        mailbox.open(NOW)
    asking = asyncio.ensure_future(have_done(settings_of(tmp_path), DROP, LAKE, within_s=0.3))
    if takes:
        await eventually(lambda: mailbox.take(0.0))
    with pytest.raises(UnavailableError, match=told):
        await asking
    assert not is_there or list((tmp_path / FOLDER).iterdir()) == []
    assert await journal.letters.drop(LAKE) == 3


async def test_what_cannot_be_done_is_refused_with_the_reason(journal: Journal) -> None:
    """An order of another version, particulars that make no sense, a sink that nothing is sent to."""
    assert "cannot 'fly'" in (await carry_out(journal, asked("fly"))).refused
    assert "sink" in (await carry_out(journal, asked(DROP, b"{}"))).refused
    assert "length" in (await carry_out(journal, asked(DROP, b'{"sink":""}'))).refused
    assert "all" in (await carry_out(journal, asked(DROP, b'{"sink":"lake","all":true}'))).refused
    assert "no sink cloud" in (await carry_out(journal, asked(RESEND, b'{"sink":"cloud"}'))).refused
    assert await journal.letters.drop(LAKE) == 3


async def test_a_refusal_reaches_the_command(tmp_path: Path, journal: Journal) -> None:
    """As an error with the daemon's reason; the daemon goes on."""
    settings = settings_of(tmp_path)
    async with running(Orders(journal, Mailbox(tmp_path)).run()):
        await eventually((tmp_path / FOLDER).is_dir)
        (tmp_path / FOLDER / "0.request").write_text("garbage")
        with pytest.raises(PIBridgeError, match="no sink cloud"):
            await have_done(settings, RESEND, Wanted(sink="cloud"))
        assert await have_done(settings, DROP, LAKE) == 3


async def test_a_folder_that_was_lost_is_made_again(tmp_path: Path, journal: Journal) -> None:
    """Whatever happens to the folder, the daemon goes on, and takes requests again."""
    async with running(Orders(journal, Mailbox(tmp_path)).run()):
        await eventually((tmp_path / FOLDER).is_dir)
        shutil.rmtree(tmp_path / FOLDER)
        await eventually((tmp_path / FOLDER).is_dir)
        assert await have_done(settings_of(tmp_path), DROP, LAKE) == 3


async def test_a_replay_is_ordered_listed_and_turned(journal: Journal) -> None:
    """By its id; what makes no sense is refused with the reason, and changes nothing."""
    made = await carry_out(journal, asked(REPLAY, b'{"choice":{"tags":["T*"]},"sinks":["lake"],"rate":10}'))
    assert made.refused == ""
    name = f'{{"id":"{made.done}"}}'.encode()
    for order, state in ((PAUSE_REPLAY, "paused"), (RESUME_REPLAY, "running"), (CANCEL_REPLAY, "cancelled")):
        assert (await carry_out(journal, asked(order, name))).done == 1
        (told,) = (await carry_out(journal, asked(LIST_REPLAYS, b"{}"))).done
        assert (told["id"], told["sink"], told["state"]) == (made.done, "lake", state)
    assert (await carry_out(journal, asked(PAUSE_REPLAY, name))).done == 0
    for having, said in (
        (b'{"choice":{},"sinks":["cloud"]}', "no sink cloud"),
        (b'{"choice":{},"sinks":[]}', "length"),
        (b'{"choice":{},"sinks":["lake"],"rate":0}', "rate"),
        (b'{"choice":{"start_ticks":2,"end_ticks":1},"sinks":["lake"]}', "ends before it begins"),
        (b'{"choice":{"start_ticks":-99999999999999999999},"sinks":["lake"]}', "start_ticks"),
        (b'{"choice":{"file":"/etc/passwd"},"sinks":["lake"]}', "file"),
    ):
        assert said in (await carry_out(journal, asked(REPLAY, having))).refused
    assert "no replay x" in (await carry_out(journal, asked(CANCEL_REPLAY, b'{"id":"x"}'))).refused
    assert len(journal.replays.all) == 1


@pytest.mark.parametrize(("order", "kind"), [(BACKFILL, "backfill"), (REREAD, "reread")])
async def test_history_is_ordered_listed_and_turned(journal: Journal, order: str, kind: str) -> None:
    """It is in the journal, where intake finds it; without a beginning, or by batch, it is refused."""
    made = await carry_out(journal, asked(order, b'{"choice":{"start_ticks":1,"streams":["s"]}}'))
    name = f'{{"id":"{made.done}"}}'.encode()
    for turn, state in ((PAUSE_BACKFILL, "paused"), (RESUME_BACKFILL, "running"), (CANCEL_BACKFILL, "cancelled")):
        assert (await carry_out(journal, asked(turn, name))).done == 1
        (told,) = (await carry_out(journal, asked(LIST_BACKFILLS, b"{}"))).done
        assert (told["id"], told["kind"], told["state"]) == (made.done, kind, state)
    assert "no beginning" in (await carry_out(journal, asked(order, b'{"choice":{}}'))).refused
    by_batch = b'{"choice":{"start_ticks":1,"batches":["B"]}}'
    assert "batches" in (await carry_out(journal, asked(order, by_batch))).refused


async def test_a_repair_is_ordered_listed_and_turned(journal: Journal) -> None:
    """What is read again and what is gone, by tag; of tags that the journal does not know nothing is done."""
    gone = Event(2, NOW + 1, None, DELETE)
    wanted = WantedRepair(spans={1: (NOW, NOW + 9), 3: (NOW + 5, NOW + 20)}, deletions=(gone,))
    made = await carry_out(journal, asked(REPAIR, msgspec.json.encode(wanted)))
    assert made.refused == ""
    assert [(gap.tag, gap.start_ticks, gap.end_ticks) for gap in await journal.gaps()] == [
        (1, NOW, NOW + 9),
        (3, NOW + 5, NOW + 20),
    ]
    assert await journal.seen([2], NOW + 1, NOW + 1) == [gone]
    (told,) = (await carry_out(journal, asked(LIST_BACKFILLS, b"{}"))).done
    assert (told["id"], told["kind"], told["state"], told["tags"]) == (made.done, "repair", "running", 2)
    assert (told["from"], told["to"]) == (ticks.render(NOW), ticks.render(NOW + 20))
    name = f'{{"id":"{made.done}"}}'.encode()
    assert (await carry_out(journal, asked(PAUSE_BACKFILL, name))).done == 1
    assert (await carry_out(journal, asked(CANCEL_BACKFILL, name))).done == 1
    assert await journal.gaps() == []
    for unknown in (WantedRepair(spans={9: (1, 2)}), WantedRepair(deletions=(Event(0, 1, None, DELETE),))):
        assert "does not know all" in (await carry_out(journal, asked(REPAIR, msgspec.json.encode(unknown)))).refused
    assert "spans" in (await carry_out(journal, asked(REPAIR, b'{"spans":7}'))).refused


async def test_a_question_is_for_a_running_daemon_alone(tmp_path: Path, journal: Journal) -> None:
    """Its answer, or nothing: nobody is there, or it does not know such questions."""
    settings = settings_of(tmp_path)

    async def count(_: Journal, having: Raw) -> int:
        return len(bytes(having))

    assert await ask(settings, "count", LAKE, within_s=0.2) is None  # it holds the journal, and does not answer
    async with running(Orders(journal, Mailbox(tmp_path), more={"count": count}).run()):
        await eventually((tmp_path / FOLDER).is_dir)
        assert await ask(settings, "count", LAKE) == len(b'{"sink":"lake"}')
        assert await ask(settings, "fly", LAKE) is None
    await journal.close()
    assert await ask(settings, "count", LAKE) is None
    assert list((tmp_path / FOLDER).iterdir()) == []


async def test_the_journal_is_compacted_on_request(tmp_path: Path, journal: Journal) -> None:
    """By the daemon, which tells what it gave back."""
    settings = settings_of(tmp_path)
    async with running(Orders(journal, Mailbox(tmp_path)).run()):
        await eventually((tmp_path / FOLDER).is_dir)
        done = await have_done(settings, COMPACT, Nothing())
    assert set(done) == {"given_back_bytes", "left_bytes", "why"}
