from pathlib import Path

import pytest

from journal.samples import DAY_S, NOW, NOW_S, Clock, events, noise, opened, read_all, values
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.model.event import Lane

YEAR_S = 365 * DAY_S
JUMPS_S = {
    "forward": [50 * YEAR_S],
    "back": [-50 * YEAR_S],
    "before 1970": [-NOW_S - YEAR_S],
    "forward and back": [50 * YEAR_S, -50 * YEAR_S],
    "back and forward": [-50 * YEAR_S, 50 * YEAR_S],
    "to and fro": [YEAR_S, -2 * YEAR_S, 3 * YEAR_S, -4 * YEAR_S],
}


async def come_round(journal: Journal) -> None:
    """Let the writer have its turn at retention, whatever the clock says."""
    for _ in range(3):
        await journal.damaged()


@pytest.mark.parametrize("jumps", JUMPS_S)
async def test_what_is_owed_survives_every_jump(tmp_path: Path, jumps: str) -> None:
    """A clock without a battery, or set by hand, costs no event, gap or bounds; all goes on, after a restart too."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain="7d") as journal:
        await journal.cursor("lake", Lane.LIVE)
        await journal.open_gaps([NewGap(1, NOW, None, "down")])
        await journal.commit(Lane.LIVE, events(100), NOW)
        await journal.advance("lake", Lane.LIVE, 40)
        await journal.seal("lake", Lane.LIVE, 41, 60)
        for number, jump_s in enumerate(JUMPS_S[jumps], 1):
            clock.now_s += jump_s
            await come_round(journal)
            await journal.commit(Lane.LIVE, events(100, first=100 * number), NOW)
        assert not journal.failed.done()
        count = journal.stat().newest_seq
    async with opened(tmp_path, clock=clock, retain="7d") as journal:
        await come_round(journal)
        found = await read_all(journal, last=count, after=40)
        assert [value for chunk in found for value in values(chunk.events)] == list(range(40, count))
        assert len(await journal.gaps()) == 1
        sealed = (await journal.cursor("lake", Lane.LIVE)).sealed
        assert sealed is not None
        assert (sealed.first, sealed.last) == (41, 60)


@pytest.mark.parametrize("jumps", JUMPS_S)
async def test_the_size_is_kept_through_every_jump(tmp_path: Path, jumps: str) -> None:
    """What was stored at a time that never was goes when it is acknowledged and room is needed."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, max_size="16MiB", retain="7d") as journal:
        await journal.cursor("lake", Lane.LIVE)
        for jump_s in [*JUMPS_S[jumps], 0]:
            clock.now_s += jump_s
            for number in range(60):
                await journal.commit(Lane.LIVE, noise(1500, seed=number), NOW)
                await journal.advance("lake", Lane.LIVE, journal.stat().newest_seq, [DeadLetter(1, "no", b"{}")])
        assert not journal.stat().full
        assert journal.stat().dropped_events == 0
        assert journal.stat().oldest_seq > 1


async def test_retention_comes_back_with_the_right_time(tmp_path: Path) -> None:
    """What was stored before the clock jumped ahead and back goes when it is old."""
    clock = Clock()
    async with opened(tmp_path, clock=clock, retain="7d") as journal:
        await journal.cursor("lake", Lane.LIVE)
        await journal.commit(Lane.LIVE, events(10), NOW)
        await journal.advance("lake", Lane.LIVE, 10)
        clock.now_s -= YEAR_S
        await come_round(journal)
        assert journal.stat().events == 10
        clock.now_s += YEAR_S + 8 * DAY_S
        await come_round(journal)
        assert journal.stat().events == 0
