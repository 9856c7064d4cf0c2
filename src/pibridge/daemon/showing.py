"""What the status page shows of the parts that run."""

from collections.abc import Callable
from pathlib import Path

from pibridge.context.assets import AssetMap
from pibridge.context.surroundings import Surroundings
from pibridge.daemon.intake import Intake
from pibridge.daemon.report import Report
from pibridge.journal.journal import Journal
from pibridge.status.snapshot import Snapshot
from pibridge.status.tag_table import TagsNow


class Showing:
    """A `Source` of the page. `surroundings`: gives those that hold now."""

    def __init__(
        self,
        report: Report,
        journal: Journal,
        journal_folder: Path,
        intake: Intake,
        surroundings: Callable[[], Surroundings | None],
    ) -> None:
        self.journal_folder = journal_folder
        self._report = report
        self._journal = journal
        self._intake = intake
        self._surroundings = surroundings

    @property
    def surroundings(self) -> Surroundings | None:
        """What is known of assets and batches."""
        return self._surroundings()

    def snapshot(self) -> Snapshot:
        """Give the state of all parts."""
        return self._report.snapshot()

    def tags(self) -> TagsNow:
        """Give what is known of the tags: copies of what is in memory anyway."""
        surroundings = self._surroundings()
        return TagsNow(
            tags=self._journal.tags(),
            newest=self._journal.newest(),
            reading=self._intake.reading(),
            refused=self._intake.refused(),
            assets=AssetMap([]) if surroundings is None else surroundings.assets,
            now_ticks=self._intake.now(),
        )
