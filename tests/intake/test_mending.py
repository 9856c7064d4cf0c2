from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intake.lines import SECOND, Line, opened, plant_settings
from intake.readers import listed, points, reading, reads, tells
from journal.samples import raw
from pibridge.intake import mending
from pibridge.intake import sampling as sampling_module
from pibridge.journal.chunks import Damaged
from pibridge.model.event import Event, Lane
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant and an empty journal."""
    async with opened(tmp_path / "journal", plant_settings()) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # Damage is looked for every ten seconds; nobody waits for that here.
    monkeypatch.setattr(mending, "_LOOK_S", 0.05)


async def test_a_damaged_chunk_is_recovered_once(tmp_path: Path) -> None:
    """What cannot be read of the journal any more is read from PI's archive, and told under new positions."""
    async with opened(tmp_path, plant_settings()) as line:
        start = line.clock.ticks + 1
        async with running(reading(line, s=points(*BULK)).run()):
            await reads(line, tags=3, channels=1)
            for seconds in (30, 60, 1):
                line.clock.advance(seconds)
                await tells(line, BULK, start)
                await line.tell_time()
        now = line.clock.ticks
    lost = _flip_a_byte(tmp_path, start)
    async with opened(tmp_path, plant_settings()) as line:
        line.clock.ticks = now
        await line.journal.cursor("lake", Lane.LIVE)
        assert sum((line.truth(BULK, start) - await line.told()).values()) == lost
        async with running(reading(line, s=points(*BULK)).run()):
            await reads(line, tags=3, channels=1)
            after = 0
            while not line.journal.stat().damaged_chunks:  # as a sink reads, which finds the damage
                after = (await line.journal.next(Lane.LIVE, after)).last_seq
            await tells(line, BULK, start)
            assert await line.journal.damaged() == []
            line.clock.advance(5)
            await tells(line, BULK, start)
        assert sum(event.ticks >= start for event in line.on_disk(Lane.HISTORY)) == lost
        assert line.journal.stat().damaged_chunks == 1


async def test_damaged_samples_are_sampled_again(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a chunk had of tags at even instants PI makes anew; its archive is not read for them."""
    monkeypatch.setattr(sampling_module, "_LONGEST_SLEEP_S", 0.01)
    line.simulator.faults.add("status=500@path=recorded")
    start = line.clock.ticks
    settings = points(*BULK, mode="interpolated", interval="10s", delay="2s")

    async def instants() -> Counter[tuple[int, int]]:
        return Counter((event.tag, event.ticks) for event in await line.events())

    async def all_are_told() -> bool:
        moments = range(start + 10 * SECOND, line.clock.ticks - SECOND, 10 * SECOND)
        return await instants() == Counter((tag, moment) for tag in (1, 2, 3) for moment in moments)

    async with running(reading(line, s=settings).run()):
        await eventually(lambda: line.counters.stream("s").channels_open == 1)
        for _ in range(3):
            line.clock.advance(13)
            await line.tell_time()
            await eventually(all_are_told)
            await line.journal.flush()
        _damage(tmp_path / "journal", 1)
        assert not await all_are_told()
        assert await _read_from_disk(line) == 1
        await eventually(all_are_told)
        await eventually(line.owes_nothing)


async def test_damage_is_owed_by_every_tag_of_its_time(line: Line, tmp_path: Path) -> None:
    """Also by one whose stream cannot be resolved yet; not by one that joined later."""
    before, after = line.clock.ticks - 100, line.clock.ticks + 100
    tags = await line.describe(*BULK)
    first, second, third = tags
    await line.journal.join([first, second], before)
    await line.journal.join([third], after)
    line.journal.append([Event(first, before + 10, 1.0)], before + 20)
    await line.journal.flush()
    _damage(tmp_path / "journal", 1)
    line.journal.append([Event(first, before + 15, 1.0)], before + 20)
    await line.journal.flush()
    assert await _read_from_disk(line) == 1
    file = tmp_path / "never.csv"
    settings = listed(file, BULK[1])
    file.unlink()
    async with running(reading(line, a=points(BULK[0]), b=settings).run()):
        await eventually(lambda: _is_mended(line))
        gaps = [gap for gap in await line.journal.gaps() if gap.reason == "a damaged chunk"]
        await eventually(lambda: line.counters.stream("a").channels_open == 1)
    assert second in {gap.tag for gap in gaps}
    assert third not in {gap.tag for gap in gaps}


async def _read_from_disk(line: Line) -> int:
    """Read the lane as a sink does that is far behind; give the number of damaged chunks."""
    chunks = await line.journal._read(Lane.LIVE, 0)  # what was just written would come from memory
    for chunk in chunks:
        if isinstance(chunk, Damaged):
            await line.journal._set_aside(chunk)
    return line.journal.stat().damaged_chunks


async def _is_mended(line: Line) -> bool:
    return not await line.journal.damaged()


def _damage(folder: Path, seq: int) -> None:
    db = raw(folder)
    with db.blob_open("main", "chunk", "payload", seq, True) as blob:  # noqa: FBT003 - apsw takes it by place only
        byte = blob.read(1)[0]
        blob.seek(0)
        blob.write(bytes([byte ^ 1]))
    db.close()


def _flip_a_byte(folder: Path, start_ticks: int) -> int:
    """Damage the first chunk that begins at or after a time; give how many events it has."""
    db = raw(folder)
    row = db.execute("SELECT seq, events FROM chunk WHERE first_ticks >= ? ORDER BY seq LIMIT 1", (start_ticks,))
    seq, events = next(row)
    db.close()
    _damage(folder, seq)
    assert events > 50
    return int(events)
