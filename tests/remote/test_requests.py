import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.remote.requests import AT_ONCE, MOST_BYTES, PER_S, Answer, Desk, Ignored, Request


def asked(**fields: Any) -> bytes:
    """Give a request as it is published."""
    return json.dumps({"id": "1", "do": "status", **fields}).encode()


def take(desk: Desk, payload: bytes, now_s: float = 0.0) -> Request | Answer | Ignored:
    """Have it taken."""
    return desk.take(payload, now_s, is_retained=False)


def test_a_request_is_taken_once() -> None:
    """It arrives again, as messages of QoS 1 may: nothing is done, nothing is answered."""
    desk = Desk()
    first = take(desk, asked(having={"sink": "lake"}))
    assert isinstance(first, Request)
    assert (first.id, first.do, json.loads(bytes(first.having))) == ("1", "status", {"sink": "lake"})
    assert isinstance(take(desk, asked()), Ignored)
    assert isinstance(take(desk, asked(id="2")), Request)


@pytest.mark.parametrize(
    ("payload", "named", "said"),
    [
        (b"", (None, None), "no request"),
        (b"\xff\xfe", (None, None), "no request"),
        (b"[1]", (None, None), "no request"),
        (b'{"id":"7"}', ("7", None), "missing required field `do`"),
        (asked(id="7", run="rm"), ("7", "status"), "unknown field `run`"),
        (asked(id=7), (None, "status"), "Expected `str`"),
        (asked(id=""), (None, "status"), "no request"),
        (asked(id="x" * 65), (None, "status"), "no request"),
        (asked(do="x" * 65), ("1", None), "no request"),
        (asked(id="7", having="x" * MOST_BYTES), (None, None), f"at most {MOST_BYTES} are taken"),
    ],
)
def test_what_is_no_request_is_answered_so(payload: bytes, named: tuple[str | None, str | None], said: str) -> None:
    """With the id and the name that it has, as far as they can be read, and what is wrong with it."""
    answer = take(Desk(), payload)
    assert isinstance(answer, Answer)
    assert (answer.id, answer.do) == named
    assert said in answer.error


@given(st.binary(max_size=200))
def test_nothing_upsets_the_desk(payload: bytes) -> None:
    """Whatever arrives is taken, answered or ignored."""
    assert isinstance(take(Desk(), payload), Request | Answer | Ignored)


def test_a_kept_message_is_ignored() -> None:
    """A request that the broker keeps would be done at each connection."""
    assert isinstance(Desk().take(asked(), 0.0, is_retained=True), Ignored)


def test_too_many_are_refused_and_then_ignored() -> None:
    """A few are done, some more are told that these are too many, a flood is not answered; later all is as before."""
    desk = Desk()
    taken = [type(take(desk, asked(id=str(number)))) for number in range(4 * AT_ONCE)]
    assert taken == [Request] * AT_ONCE + [Answer] * 2 * AT_ONCE + [Ignored] * AT_ONCE
    assert isinstance(take(desk, asked(id="later"), PER_S), Request)


def test_answers_say_what_was_done_or_why_not() -> None:
    """One or the other, never both."""
    done = json.loads(Answer(id="1", do="status", done={"a": 1}).payload())
    refused = json.loads(Answer(id=None, do=None, error="no").payload())
    assert done == {"v": 1, "id": "1", "do": "status", "ok": True, "done": {"a": 1}}
    assert refused == {"v": 1, "id": None, "do": None, "ok": False, "error": "no"}
