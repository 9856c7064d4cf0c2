from pathlib import Path

import pytest
from pydantic import ValidationError

from pibridge.journal.settings import JournalSettings


def test_defaults() -> None:
    """Without a word the journal is safe: 2 GiB, seven days, synced in full."""
    settings = JournalSettings()
    assert settings.path == Path("pibridge-data")
    assert (settings.max_size, settings.retain, settings.flush) == (2 << 30, 7 * 86400, 0.2)
    assert (settings.when_full, settings.sync) == ("pause", "full")


def test_sizes_below_the_smallest_are_refused() -> None:
    """16MiB is enough, less is an error that says so."""
    assert JournalSettings.model_validate({"max_size": "16MiB"}).max_size == 16 << 20
    with pytest.raises(ValidationError, match="at least 16MiB"):
        JournalSettings.model_validate({"max_size": "15MiB"})
