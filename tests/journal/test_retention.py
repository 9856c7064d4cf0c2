import shutil
from pathlib import Path

import pytest

from journal.samples import DAY_S, NOW, Clock, events, noise, opened, raw, size_bytes
from pibridge.errors import JournalError, JournalFullError
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.journal.newest import Last
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane

MAX_BYTES = 16 << 20


async def next_tick(journal: Journal, clock: Clock, seconds: float = 2.0) -> None:
    """Let the clock go on and the writer come round."""
    clock.now_s += seconds
    await journal.damaged()
    await journal.damaged()


async def test_delivered_events_stay_for_their_time(tmp_path: Path) -> None:
    """What every sink has acknowledged goes when it is older than `retain`, and not before."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain="7d") as journal:
        await journal.commit(Lane.LIVE, events(10), NOW)
        clock.now_s += 5 * DAY_S
        await journal.commit(Lane.LIVE, events(10), NOW)
        await journal.cursor("lake", Lane.LIVE)
        await journal.advance("lake", Lane.LIVE, 20)
        await next_tick(journal, clock, DAY_S)
        assert journal.stat().events == 20
        await next_tick(journal, clock, 2 * DAY_S)
        assert (journal.stat().events, journal.stat().oldest_seq) == (10, 11)


async def test_what_is_owed_stays(tmp_path: Path) -> None:
    """One slow sink is enough; a forgotten one does not count."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain="7d") as journal:
        await journal.commit(Lane.LIVE, events(10), NOW)
        await journal.commit(Lane.HISTORY, events(10), NOW)
        for sink in ("lake", "slow"):
            for lane in Lane:
                await journal.cursor(sink, lane)
        await journal.advance("lake", Lane.LIVE, 10)
        await journal.advance("lake", Lane.HISTORY, 20)
        await journal.advance("slow", Lane.HISTORY, 20)
        await next_tick(journal, clock, 30 * DAY_S)
        assert (journal.stat().events, journal.stat().oldest_seq) == (10, 1)
        await journal.forget_sink("slow")
        await next_tick(journal, clock)
        assert journal.stat().events == 0


async def test_positions_are_never_given_again(tmp_path: Path) -> None:
    """Even when all was trimmed and the daemon was restarted."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain="1s") as journal:
        await journal.commit(Lane.LIVE, events(10), NOW)
        await next_tick(journal, clock, 1000)
        assert journal.stat().events == 0
    async with opened(tmp_path, clock=clock, retain="1s") as journal:
        await journal.commit(Lane.LIVE, events(1), NOW)
        assert (await journal.next(Lane.LIVE, 0)).first_seq == 11


async def test_what_was_just_told_stays_to_be_compared(tmp_path: Path) -> None:
    """PI tells things again, live and from its archive: a quarter of an hour stays whatever `retain` says."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain="0s") as journal:
        await journal.commit(Lane.LIVE, events(10), NOW)
        await next_tick(journal, clock, 800)
        assert (journal.stat().events, journal.stat().trimmed_ticks) == (10, 0)
        await next_tick(journal, clock, 200)
        assert journal.stat().events == 0
        assert journal.stat().trimmed_ticks > 0


async def test_the_newest_event_of_a_quiet_tag_outlives_its_chunk(tmp_path: Path) -> None:
    """A crash after its chunk was trimmed does not make a tag look as if it had never been heard."""
    clock = Clock()
    crashed = tmp_path / "crashed"
    async with opened(tmp_path / "running", clock=clock, retain="7d") as journal:
        await journal.commit(Lane.LIVE, events(3), NOW)
        await next_tick(journal, clock, 8 * DAY_S)
        assert journal.stat().events == 0
        shutil.copytree(tmp_path / "running", crashed)
    async with opened(crashed) as journal:
        assert journal.last(1) == Last(NOW + 2, 2, NOW)


async def test_old_dead_letters_go(tmp_path: Path) -> None:
    """They stay as long as delivered events."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain="7d") as journal:
        await journal.cursor("lake", Lane.LIVE)
        await journal.advance("lake", Lane.LIVE, 1, [DeadLetter(1, "no", b"{}")])
        await next_tick(journal, clock, 8 * DAY_S)
        assert journal.stat().dead_letters == 1
    assert raw(tmp_path).execute("SELECT * FROM dead_letter").fetchall() == []


async def fill(journal: Journal, path: Path, *, count: int = 250) -> tuple[int, int]:
    """Commit until full, or `count` times; give how often it went well and the largest size of the folder."""
    largest, seed = 0, 0
    for seed in range(count):
        try:
            await journal.commit(Lane.LIVE, noise(700, seed=seed), NOW)
        except JournalFullError:
            return seed, largest
        finally:
            largest = max(largest, size_bytes(path))
    return seed + 1, largest


async def test_pause_never_exceeds_the_size_and_loses_nothing(tmp_path: Path) -> None:
    """A full journal refuses events, still takes gaps and acknowledgements, and opens again when sinks have read."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, max_size=MAX_BYTES) as journal:
        await journal.cursor("lake", Lane.LIVE)
        count, largest = await fill(journal, tmp_path)
        assert largest <= MAX_BYTES
        assert count * 700 * 100 > 8 << 20
        assert journal.stat().full
        assert journal.stat().events == count * 700
        with pytest.raises(JournalFullError):
            journal.append(events(1), NOW)
        await journal.open_gaps([NewGap(tag, NOW, None, "full") for tag in range(1, 4)])
        assert len(await journal.gaps()) == 3
        await journal.advance("lake", Lane.LIVE, count * 700 // 2)
        await next_tick(journal, clock)
        assert not journal.stat().full
        again, largest = await fill(journal, tmp_path)
        assert again > 0
        assert largest <= MAX_BYTES
        assert journal.stat().oldest_seq > 1
        assert journal.stat().oldest_seq <= count * 700 // 2 + 1


async def test_acknowledged_events_make_room_whatever_their_age(tmp_path: Path) -> None:
    """A journal whose sinks keep up is never full."""
    async with opened(tmp_path, max_size=MAX_BYTES) as journal:
        await journal.cursor("lake", Lane.LIVE)
        largest = 0
        for seed in range(250):
            await journal.commit(Lane.LIVE, noise(700, seed=seed), NOW)
            await journal.advance("lake", Lane.LIVE, 700 * (seed + 1))
            largest = max(largest, size_bytes(tmp_path))
        assert largest <= MAX_BYTES
        assert journal.stat().dropped_events == 0


async def test_drop_oldest_never_exceeds_the_size_and_counts(tmp_path: Path) -> None:
    """The oldest go though they are owed; what went is counted and written down, the newest are there."""
    async with opened(tmp_path, max_size=MAX_BYTES, when_full="drop_oldest") as journal:
        await journal.cursor("lake", Lane.LIVE)
        count, largest = await fill(journal, tmp_path)
        assert count == 250
        assert largest <= MAX_BYTES
        stat = journal.stat()
        assert stat.dropped_events > 0
        assert stat.events + stat.dropped_events == 250 * 700
        assert stat.oldest_seq == stat.dropped_events + 1
        assert (await journal.next(Lane.LIVE, 0)).first_seq == stat.oldest_seq
    reader = JournalReader.open(tmp_path)
    (dropped,) = reader.dropped()
    reader.close()
    assert (dropped.lane, dropped.first_seq, dropped.last_seq) == (Lane.LIVE, 1, stat.dropped_events)
    assert dropped.events == stat.dropped_events


async def test_a_smaller_size_is_reached_in_time(tmp_path: Path) -> None:
    """When `max_size` was made smaller, the journal shrinks to it as soon as events may go."""
    clock = Clock()
    async with opened(tmp_path, max_size="32MiB") as journal:
        await journal.cursor("lake", Lane.LIVE)
        for seed in range(250):
            await journal.commit(Lane.LIVE, noise(700, seed=seed), NOW)
        assert size_bytes(tmp_path) > MAX_BYTES
    async with opened(tmp_path, clock=clock, max_size=MAX_BYTES) as journal:
        await next_tick(journal, clock)
        assert journal.stat().full
        assert journal.stat().events == 250 * 700
        await journal.advance("lake", Lane.LIVE, 250 * 700)
        for _ in range(40):
            await next_tick(journal, clock)
        assert not journal.stat().full
        assert size_bytes(tmp_path) <= MAX_BYTES


async def test_one_large_append_never_exceeds_either(tmp_path: Path) -> None:
    """Live events that are more than one commit takes are stored in several; what finds no room waits, in order."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, max_size=MAX_BYTES) as journal:
        await journal.cursor("lake", Lane.LIVE)
        for seed in range(3):
            journal.append(noise(50_000, seed=seed), NOW)
        with pytest.raises(JournalFullError):
            await journal.flush()
        assert size_bytes(tmp_path) <= MAX_BYTES
        seq = 0
        while seq < 150_000:
            chunk = await journal.next(Lane.LIVE, seq)
            assert chunk.first_seq == seq + 1
            seq = chunk.last_seq
            await journal.advance("lake", Lane.LIVE, seq)
            assert size_bytes(tmp_path) <= MAX_BYTES
        await journal.flush()
        assert not journal.stat().full


async def test_a_commit_that_can_never_fit_is_told(tmp_path: Path) -> None:
    """It is no matter of waiting: the error says so, and the journal is as before."""
    async with opened(tmp_path, max_size=MAX_BYTES) as journal:
        with pytest.raises(JournalError, match="more than fits one commit"):
            await journal.commit(Lane.HISTORY, noise(50_000), NOW)
        assert not journal.stat().full
        assert journal.stat().events == 0
