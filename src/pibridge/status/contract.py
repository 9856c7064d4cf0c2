"""What the page asks of the daemon."""

from pathlib import Path
from typing import Protocol

from pibridge.context.surroundings import Surroundings
from pibridge.status.snapshot import Snapshot
from pibridge.status.tag_table import TagsNow


class Source(Protocol):
    """Answers at once and blocks nobody."""

    @property
    def journal_folder(self) -> Path:
        """Where the journal is, to be read beside the writer."""
        ...

    @property
    def surroundings(self) -> Surroundings | None:
        """What is known of assets and batches; None before the start."""
        ...

    def snapshot(self) -> Snapshot:
        """Give the state of all parts."""
        ...

    def tags(self) -> TagsNow:
        """Give what is known of the tags."""
        ...
