from pathlib import Path

import pytest

from daemon.brewery import reading
from pibridge.daemon.at_rest import at_rest
from pibridge.errors import JournalError
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag
from pibridge.simulator import Simulator

TAG = Tag(stream="utilities", mode=Mode.REALTIME, name="T", path=r"\\PISRV1\T", web_id="I1DPT")


async def test_the_journal_tells_what_it_owes(simulator: Simulator, tmp_path: Path) -> None:
    """Events kept, what each sink lacks, gaps and dead letters: as the daemon left them."""
    configuration = reading(simulator, tmp_path)
    journal = await Journal.open(configuration.journal)
    (number,) = await journal.describe([TAG])
    for lane in Lane:
        await journal.cursor("local", lane)
    await journal.commit(Lane.LIVE, [Event(number, place, 1.0) for place in range(10)], 10)
    await journal.advance("local", Lane.LIVE, 4, [DeadLetter(2, "too long", b"{}")])
    await journal.open_gaps([NewGap(number, 10, None, "not running")])
    await journal.close()
    told = at_rest(configuration, "no daemon")
    assert told.reasons == ["no daemon"]
    assert (told.pi.state, told.started) == ("not running", "")
    sink = told.sinks["local"]
    assert (sink.state, sink.lag_events, sink.dead_letters, sink.last_refusal) == ("not running", 6, 1, "too long")
    assert (told.journal.events, told.journal.oldest_seq, told.journal.newest_seq) == (10, 1, 10)
    assert (told.journal.gaps, told.history.gaps_open, told.journal.held) == (1, 1, 0)
    assert 0 < told.journal.bytes <= told.journal.max_bytes


async def test_without_a_journal_that_is_told(simulator: Simulator, tmp_path: Path) -> None:
    """Nothing is made up, and nothing is made."""
    with pytest.raises(JournalError, match="no journal in"):
        at_rest(reading(simulator, tmp_path), "no daemon")
    assert not (tmp_path / "journal").exists()
