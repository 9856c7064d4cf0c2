import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from pibridge.daemon.mailbox import FOLDER, Answer, Mailbox, Request, encode, read_answer, read_request
from pibridge.errors import PIBridgeError

NOW_S = 1_770_000_000.0


def request(do: str = "drop", *, until_s: float = NOW_S + 30) -> Request:
    """Give a request for which somebody waits."""
    return Request(do=do, having=Raw(b'{"sink":"lake"}'), until_s=until_s)


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """Give the mailbox of a daemon that runs."""
    mailbox = Mailbox(tmp_path)
    mailbox.open(NOW_S)
    return mailbox


def names(folder: Path) -> list[str]:
    """Give the files in the mailbox."""
    return sorted(file.name for file in (folder / FOLDER).iterdir())


@given(do=st.text(), until_s=st.floats(allow_nan=False, allow_infinity=False))
def test_a_request_is_read_as_it_was_written(do: str, until_s: float) -> None:
    """Whatever it says."""
    said = request(do, until_s=until_s)
    assert read_request(encode(said)) == said


@given(content=st.binary() | st.sampled_from([b"{}", b"[]", b'{"do":1}', b'{"do":"a","having":1,"until_s":0,"x":1}']))
def test_what_is_no_request_is_told_why(content: bytes) -> None:
    """Nothing that lies in the folder can stop the daemon."""
    assert isinstance(read_request(content), str)
    assert "cannot be read" in read_answer(content).refused or content == b"{}"


def test_an_answer_comes_back_once(tmp_path: Path, mailbox: Mailbox) -> None:
    """Asked, taken, answered, fetched; nothing is left of it."""
    assert mailbox.leave("1", request())
    assert mailbox.fetch("1") is None
    taken = mailbox.take(NOW_S)
    assert taken is not None
    assert (taken.name, taken.request) == ("1", request())
    assert mailbox.take(NOW_S) is None
    mailbox.answer("1", Answer(done=7))
    assert mailbox.fetch("1") == Answer(done=7)
    assert mailbox.fetch("1") is None
    assert names(tmp_path) == []


def test_requests_are_taken_in_order(mailbox: Mailbox) -> None:
    """The oldest first, whatever was taken before."""
    for name in ("2", "1", "3"):
        mailbox.leave(name, request(name))
    taken = [mailbox.take(NOW_S) for _ in range(3)]
    assert [each.name for each in taken if each] == ["1", "2", "3"]


def test_only_the_owner_can_ask(tmp_path: Path, mailbox: Mailbox) -> None:
    """Folder and files are nobody else's to read or write, also where the folder was there with other rights."""
    mailbox.leave("1", request())
    folder = tmp_path / FOLDER
    assert stat.S_IMODE((folder / "1.request").stat().st_mode) == 0o600
    folder.chmod(0o777)
    mailbox.open(NOW_S)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only the administrator gives files away")
def test_the_administrator_can_ask(tmp_path: Path, mailbox: Mailbox) -> None:
    """What root leaves belongs to the daemon's user, who can read it."""
    os.chown(tmp_path / FOLDER, 12345, 12345)
    mailbox.leave("1", request())
    assert (tmp_path / FOLDER / "1.request").stat().st_uid == 12345


@pytest.mark.skipif(os.name != "nt" and os.geteuid() == 0, reason="the administrator may do anything")
def test_who_may_not_ask_is_told_so(tmp_path: Path, mailbox: Mailbox) -> None:
    """The folder is closed: the error says as whom to ask."""
    (tmp_path / FOLDER).chmod(0o500)
    with pytest.raises(PIBridgeError, match="the user that the daemon runs as"):
        mailbox.leave("1", request())


def test_where_nobody_takes_requests_none_is_left(tmp_path: Path) -> None:
    """Without the folder there is no daemon that would look."""
    assert not Mailbox(tmp_path).leave("1", request())
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_waits_for_is_not_done(tmp_path: Path, mailbox: Mailbox) -> None:
    """A request whose time has passed, left before a crash, is removed and not taken."""
    mailbox.leave("1", request(until_s=NOW_S - 1))
    assert mailbox.take(NOW_S) is None
    assert names(tmp_path) == []


def test_what_is_withdrawn_is_not_done(tmp_path: Path, mailbox: Mailbox) -> None:
    """Whoever gives up waiting takes the request back, and knows whether the daemon was at it."""
    mailbox.leave("1", request())
    assert mailbox.withdraw("1")
    assert mailbox.take(NOW_S) is None
    mailbox.leave("2", request())
    assert mailbox.take(NOW_S) is not None
    assert not mailbox.withdraw("2")
    assert names(tmp_path) == []


def test_what_cannot_be_read_is_taken_with_the_reason(tmp_path: Path, mailbox: Mailbox) -> None:
    """So that it is answered, and is not looked at for ever."""
    (tmp_path / FOLDER / "1.request").write_text("drop it all")
    taken = mailbox.take(NOW_S)
    assert taken is not None
    assert "no request of this version" in str(taken.request)
    mailbox.answer(taken.name, Answer(refused=str(taken.request)))
    assert mailbox.take(NOW_S) is None


def test_what_a_killed_daemon_was_at_is_answered_by_the_next(tmp_path: Path, mailbox: Mailbox) -> None:
    """It may be half done: whoever waits is told to look. Old answers that nobody fetched go, young ones stay."""
    mailbox.leave("1", request())
    assert mailbox.take(NOW_S) is not None
    for name, age_s in (("2", 10), ("3", 7200)):
        mailbox.answer(name, Answer(done=1))
        os.utime(tmp_path / FOLDER / f"{name}.answer", (NOW_S - age_s, NOW_S - age_s))
    Mailbox(tmp_path).open(NOW_S)
    assert names(tmp_path) == ["1.answer", "2.answer"]
    answer = mailbox.fetch("1")
    assert answer is not None
    assert "ended while it was at it" in answer.refused
