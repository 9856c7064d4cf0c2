"""One outcome for each stream, although PI is asked for many in one call.

What PI leaves out of an answer is an error, never "no data". When PI refuses a call for many because of one of them,
the call is halved until the culprit stands alone.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from pibridge.errors import PIBridgeError, RejectedError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.pi.answers import UNAUTHORIZED
from pibridge.pi.webid import identity


class StreamAnswer(Protocol):
    """What PI answered about one stream."""

    @property
    def web_id(self) -> str:
        """Which stream, in any form of WebID."""
        ...

    def problem(self) -> PIBridgeError | None:
        """Give why there is no answer about this stream, None if there is one."""
        ...


T = TypeVar("T")
S = TypeVar("S", bound=StreamAnswer)
Outcomes = dict[str, T | PIBridgeError]
Ask = Callable[[Sequence[str]], Awaitable[Outcomes[T] | None]]
"""Asks for a group. None: the answer leaves open which of them are whole; ask for fewer together."""


async def in_halves(group: Sequence[str], ask: Ask[T]) -> Outcomes[T]:
    """Ask for all; where that does not do, ask for halves, down to the one that is refused by itself.

    Raises UnavailableError, UnauthorizedError (401) and TooMuchError, which are about no single one.
    """
    try:
        outcomes = await ask(group)
    except TooMuchError:
        raise
    except (RejectedError, UnauthorizedError) as error:
        if error.status == UNAUTHORIZED:
            raise
        if len(group) == 1:
            return {group[0]: error}
        outcomes = None
    if outcomes is not None:
        return outcomes
    middle = len(group) // 2
    return await in_halves(group[:middle], ask) | await in_halves(group[middle:], ask)


def matched(group: Sequence[str], items: Iterable[S]) -> Outcomes[S]:
    """Give each web id that was asked for its part of the answer, whatever the order and form of the answer's ids."""
    by_identity = {identity(item.web_id): item for item in items}
    outcomes: Outcomes[S] = {}
    for web_id in group:
        item = by_identity.get(identity(web_id))
        outcomes[web_id] = left_out() if item is None else item.problem() or item
    return outcomes


def left_out() -> PIBridgeError:
    """Give the outcome of what was asked for and not answered."""
    return UnavailableError("PI left the stream out of its answer")
