"""What a journal says while no daemon runs, in the same words as the daemon."""

from contextlib import closing

from pibridge import __version__
from pibridge.config.settings import Configuration
from pibridge.journal.letters import Count
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane
from pibridge.status.snapshot import HistoryStatus, JournalStatus, PIStatus, SinkStatus, Snapshot

NOT_RUNNING = "not running"


def at_rest(configuration: Configuration, reason: str) -> Snapshot:
    """Give what the journal holds, and what it owes to each sink. `reason`: why no daemon was asked.

    Raises JournalError.
    """
    folder = configuration.journal.path
    with closing(JournalReader.open(folder)) as reader:
        tally, cursors, letters = reader.tally(), reader.cursors(), reader.count_dead_letters()
        gaps, oldest, held = len(reader.gaps()), reader.oldest(), reader.held_events()
    lag = {key: tally.stored(key[1]) - cursor.passed for key, cursor in cursors.items()}
    return Snapshot(
        version=__version__,
        site=configuration.site,
        started="",
        pi=PIStatus(url=configuration.pi.url, state=NOT_RUNNING),
        sinks={
            name: _sink(letters.get(name, Count()), sum(lag.get((name, lane), 0) for lane in Lane))
            for name in configuration.sinks
        },
        journal=JournalStatus(
            events=tally.events,
            bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
            max_bytes=configuration.journal.max_size,
            oldest_seq=oldest or 0,
            newest_seq=tally.next_seq - 1,
            gaps=gaps,
            dead_letters=sum(count.kept for count in letters.values()),
            damaged=tally.damaged_chunks,
            dropped=tally.dropped_events,
            held=held,
        ),
        history=HistoryStatus(gaps_open=gaps),
        reasons=[reason],
    )


def _sink(letters: Count, lag_events: int) -> SinkStatus:
    return SinkStatus(
        state=NOT_RUNNING,
        lag_events=lag_events,
        dead_letters=letters.kept,
        resending=letters.resending,
        last_refusal=letters.newest_reason,
    )
