import pytest
import structlog
from structlog.testing import capture_logs

from pibridge.errors import JournalFullError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.patience import patiently


async def test_what_passes_is_tried_until_it_works_and_logged_once() -> None:
    """An outage, a refused login and a full journal are waited for; the log tells the first, but not of the journal."""
    errors = [JournalFullError("full"), UnavailableError("gone"), UnauthorizedError("no", status=401)]
    with capture_logs() as logs:
        async for attempt in patiently(structlog.get_logger(), "it waits", first_s=0, longest_s=0):
            with attempt:
                if errors:
                    raise errors.pop(0)
    assert not errors
    assert logs == [{"event": "it waits", "error": "gone", "log_level": "warning"}]


async def test_a_refusal_is_not_tried_again() -> None:
    """What PI rejects it rejects tomorrow: the error is the caller's at once."""
    errors = [RejectedError("never", status=404), RejectedError("nor now", status=404)]

    async def ask() -> None:
        raise errors.pop(0)

    with pytest.raises(RejectedError, match="never"):
        await patiently(structlog.get_logger(), "it waits", first_s=0, longest_s=0)(ask)
    assert len(errors) == 1
