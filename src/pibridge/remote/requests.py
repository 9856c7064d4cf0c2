"""What is asked from afar: which requests count, and what an answer looks like. Pure."""

from collections import OrderedDict, deque
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

MOST_BYTES: Final = 8 << 10
"""A request is not larger."""
AT_ONCE: Final = 20
PER_S: Final = 60.0
"""So many requests are done in so many seconds; three times as many are told that these are too many."""
_TOLD: Final = 3 * AT_ONCE
_IDS: Final = 1000
_LONGEST: Final = 64

Word = Annotated[str, Meta(min_length=1, max_length=_LONGEST)]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """`id`: of this request alone. `do`: what is asked for; `having`: with which particulars, as JSON."""

    id: Word
    do: Word
    having: Raw = Raw(b"{}")


class Answer(Struct, frozen=True, kw_only=True):
    """`id`, `do`: of the request, null where it could not be read. `error`: why it was not done; empty: it was."""

    id: str | None
    do: str | None
    done: Any = None
    error: str = ""

    def payload(self) -> bytes:
        """Give what is published."""
        said = {"v": 1, "id": self.id, "do": self.do, "ok": not self.error}
        return msgspec.json.encode(said | ({"error": self.error} if self.error else {"done": self.done}))


class Ignored(Struct, frozen=True):
    """A message that is neither done nor answered. `reason`: for the log."""

    reason: str


class Desk:
    """Says what to do with each message: a request is done once, however often it arrives, and not too many are."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._times: deque[float] = deque()

    def take(self, payload: bytes, now_s: float, *, is_retained: bool) -> Request | Answer | Ignored:
        """Give the request, or the answer if it is not to be done. `now_s`: of a clock that only goes forward."""
        if is_retained:
            return Ignored("the broker kept it: a request is published without retain")
        while self._times and self._times[0] <= now_s - PER_S:
            self._times.popleft()
        if len(self._times) >= _TOLD:
            return Ignored(f"more than {_TOLD} requests in {PER_S:g} s")
        request = _read(payload)
        if request.id is not None and request.id in self._ids:
            return Ignored(f"request {request.id} has been taken already")
        self._times.append(now_s)
        if request.id is not None:
            self._ids[request.id] = None
            if len(self._ids) > _IDS:
                self._ids.popitem(last=False)
        if isinstance(request, Request) and len(self._times) > AT_ONCE:
            return Answer(id=request.id, do=request.do, error=f"more than {AT_ONCE} requests in {PER_S:g} s; ask later")
        return request


def _read(payload: bytes) -> Request | Answer:
    if len(payload) > MOST_BYTES:
        return Answer(id=None, do=None, error=f"the request has {len(payload)} bytes, at most {MOST_BYTES} are taken")
    try:
        return msgspec.json.decode(payload, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Answer(id=_word(payload, "id"), do=_word(payload, "do"), error=f"no request: {error}")


def _word(payload: bytes, key: str) -> str | None:
    """Give a word of what is no request, to name it by."""
    try:
        said = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    word = said.get(key) if isinstance(said, dict) else None
    return word if isinstance(word, str) and 0 < len(word) <= _LONGEST else None
