"""Tries for ever, with growing pauses, what mends itself: PI comes back, the journal gets room."""

from typing import Final

from structlog.typing import FilteringBoundLogger
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential, wait_random

from pibridge.errors import JournalFullError, UnauthorizedError, UnavailableError

PASSING: Final = (UnavailableError, UnauthorizedError, JournalFullError)


def patiently(log: FilteringBoundLogger, complaint: str, first_s: float, longest_s: float) -> AsyncRetrying:
    """Try again what is `PASSING`, after pauses from `first_s` to `longest_s`; only the first failure is logged.

    Not that the journal is full: it says so itself, once and not for each channel.
    """
    is_told = False

    def complain(state: RetryCallState) -> None:
        nonlocal is_told
        error = state.outcome.exception() if state.outcome else None
        if not is_told and not isinstance(error, JournalFullError):
            is_told = True
            log.warning(complaint, error=str(error))

    return AsyncRetrying(
        retry=retry_if_exception_type(PASSING),
        wait=wait_exponential(multiplier=first_s, max=longest_s) + wait_random(0, first_s),
        before_sleep=complain,
    )
