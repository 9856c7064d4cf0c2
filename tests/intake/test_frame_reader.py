import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from context.plants import surroundings
from intake.lines import QUIET, SECOND, Line, opened, plant_settings
from pibridge.intake.frame_reader import FrameReader, recalled
from pibridge.intake.frame_records import FrameStream, source_of
from pibridge.model.event import DELETE, END, START, UPDATE, Lane
from pibridge.model.tag import Mode, Tag
from pibridge.simulator.tree import Element
from waiting import eventually, running

OPS = {START: "start", UPDATE: "update", END: "end", DELETE: "delete"}
RULE = {"assets": "Plant/**", "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}}
LATE = -50 * 3600


@pytest.fixture(params=["all", "name"])
async def line(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant whose frames are sorted by any field, or by name only; and an empty journal."""
    async with opened(
        tmp_path,
        plant_settings(frame_sort_fields=request.param, cycle_s=36_000),
        journal={"max_size": 16 << 20},
    ) as ready:
        yield ready


class Follower:
    """A stream of all `Unit Batch` frames, followed while the block runs. Each makes a daemon that has just started."""

    def __init__(
        self, line: Line, template: str = "Unit Batch", since_s: float = 0.0, *, interval_s: float = 0.02
    ) -> None:
        self.line = line
        self.template = template
        self.since_s = since_s
        self.interval_s = interval_s
        self.around = surroundings(batches={"all": RULE}, hold="1s")

    @asynccontextmanager
    async def following(self) -> AsyncIterator[FrameReader]:
        """Follow the frames."""
        journal = self.line.journal
        tag = Tag(stream="f", mode=Mode.REALTIME, name="f", path="x", web_id="", kind="frame")
        (number,) = await journal.describe([tag])
        stream = FrameStream("f", number, self.template, journal.mark(source_of("f")))
        reader = FrameReader(
            r"\\AF1\Plant",
            None,
            self.interval_s,
            3600.0,
            [stream],
            self.around,
            self.line.client,
            journal,
            self.line.counters,
            described={"unit batch"},
            begin=self._begin,
        )
        async with running(reader.run()):
            yield reader

    async def _begin(self, stream: FrameStream, now: int) -> None:
        since = now + round(self.since_s * SECOND)
        stream.begin(since, since)

    async def read(self) -> None:
        """Follow the frames for a moment: through all of the last day."""
        async with self.following():
            await eventually(lambda: self.line.journal.mark(source_of("f")), 60)

    async def told(self) -> list[tuple[str, str]]:
        """Give what was told: what happened, and the name of the frame."""
        frames = (event for event in self.line.on_disk(Lane.LIVE) if isinstance(event.value, dict))
        return [(OPS[event.status], event.value["name"]) for event in frames]


def line1(line: Line) -> Element:
    """Give an element that no frame of the plant's own references."""
    found = line.simulator.plant.find("Em", r"\\AF1\Plant\Area2\Packaging\Line1")
    assert isinstance(found, Element)
    return found


def make(line: Line, name: str, start_s: float, end_s: float | None = None, **fields: Any) -> UUID:
    """Make a frame in the plant, with times from its present on."""
    now = line.clock.ticks
    given: dict[str, Any] = {"template": "Unit Batch", "elements": (line1(line),), **fields}
    if end_s is not None:
        given["end_ticks"] = now + round(end_s * SECOND)
    return line.simulator.plant.frames.create(name=name, start_ticks=now + round(start_s * SECOND), **given)


async def own(follower: Follower, *names: str) -> list[tuple[str, str]]:
    """Give what was told of frames with these names."""
    return [(op, name) for op, name in await follower.told() if name in names]


async def test_a_frame_is_followed_from_start_to_end(line: Line) -> None:
    """What is created, renamed, closed, deleted is told as it happens, once, with all that a record says of it."""
    follower = Follower(line)
    async with follower.following():
        await eventually(follower.told)
        frame = make(line, "X-1", -5, attributes={"BatchID": "X-1", "Recipe": "Ale"})
        frames = line.simulator.plant.frames
        for step, done in (
            (lambda: frames.change(frame, name="X-2"), "start"),
            (lambda: frames.close(frame, line.clock.ticks), "update"),
            (lambda: frames.delete(frame), "end"),
            (lambda: None, "delete"),
        ):
            await eventually(lambda: _last_op(follower, done))  # noqa: B023 - of this round
            step()
    assert await own(follower, "X-1", "X-2") == [
        ("start", "X-1"),
        ("update", "X-2"),
        ("end", "X-2"),
        ("delete", "X-2"),
    ]
    first = next(event for event in line.on_disk(Lane.LIVE) if event.value["name"] == "X-1")
    assert first.ticks == line.clock.ticks - 5 * SECOND
    assert first.value["elements"] == ["Plant/Area2/Packaging/Line1"]
    assert first.value["attributes"]["Recipe"] == "Ale"
    assert first.value["end"] is None
    assert first.value["template"] == "Unit Batch"


async def test_at_the_first_start_only_open_frames_are_told(line: Line) -> None:
    """What was over is known, and told only if it changes; what is created late afterwards is news."""
    make(line, "over", -900, -600)
    make(line, "open", -900)
    follower = Follower(line)
    await follower.read()
    assert await own(follower, "over", "open") == [("start", "open")]
    make(line, "late", -40_000, -39_000)
    async with Follower(line).following():
        await eventually(lambda: _has(follower, "end", "late"))
    assert await own(follower, "over", "open", "late") == [("start", "open"), ("end", "late")]


@pytest.mark.parametrize("interval_s", [0.02, 30.0])
async def test_no_look_takes_for_news_what_was_over(line: Line, interval_s: float) -> None:
    """Also if the first day was swept through before the second look, which takes in more time than the first."""
    make(line, "over", -3000, -2700)
    follower = Follower(line, interval_s=interval_s)
    await follower.read()
    make(line, "late", -3000, -2700)
    async with Follower(line).following():
        await eventually(lambda: _has(follower, "end", "late"))
    assert await own(follower, "over", "late") == [("end", "late")]


async def test_backfill_tells_what_was_over(line: Line) -> None:
    """Closed frames that ended since then are one end each."""
    for name, start_s in (("two", LATE + 100), ("one", LATE), ("old", 2 * LATE)):
        make(line, name, start_s, start_s + 3600)
    follower = Follower(line, since_s=LATE)
    async with follower.following():
        await eventually(lambda: _has(follower, "end", "two"))
        await eventually(lambda: line.journal.mark(source_of("f")))
    assert sorted(await own(follower, "one", "two", "old")) == [("end", "one"), ("end", "two")]


async def test_nothing_is_told_twice_after_a_restart(line: Line) -> None:
    """And what happened meanwhile is told: an end, a deletion, a frame that came and went."""
    first, second = make(line, "A", -60), make(line, "B", -60)
    await Follower(line).read()
    line.clock.advance(7200)
    frames = line.simulator.plant.frames
    frames.close(first, line.clock.ticks - 3600 * SECOND)
    frames.delete(second)
    make(line, "C", -5000, -4000)
    follower = Follower(line)
    async with follower.following():
        for op, name in (("end", "A"), ("delete", "B"), ("end", "C")):
            await eventually(lambda: _has(follower, op, name))  # noqa: B023 - of this round
    await Follower(line).read()
    told = await own(follower, "A", "B", "C")
    assert sorted(told) == [("delete", "B"), ("end", "A"), ("end", "C"), ("start", "A"), ("start", "B")]


async def test_a_frame_that_is_made_anew_leaves_and_comes_back(line: Line) -> None:
    """Its deletion is told before its new start, and the batch of its time is never none."""
    frame = make(line, "X-1", -5)
    follower = Follower(line)
    async with follower.following():
        await eventually(lambda: _has(follower, "start", "X-1"))
        line.simulator.plant.frames.recreate(frame)
        await eventually(lambda: _has(follower, "delete", "X-1"))
    assert await own(follower, "X-1") == [("start", "X-1"), ("delete", "X-1"), ("start", "X-1")]


async def test_failures_of_pi_are_no_deletions(line: Line) -> None:
    """While PI answers with errors, half an answer or nothing, what is known stays; then it goes on."""
    make(line, "X-1", -5)
    follower = Follower(line)
    async with follower.following():
        await eventually(lambda: _has(follower, "start", "X-1"))
        for fault in ("status=503@path=eventframes", "truncate@path=eventframes", "web-exception@path=eventframes"):
            added = line.simulator.faults.add(fault)
            await eventually(lambda: added.acted > 2)  # noqa: B023 - of this round
            line.simulator.faults.clear()
        make(line, "X-2", -1)
        await eventually(lambda: _has(follower, "start", "X-2"))
    assert await own(follower, "X-1") == [("start", "X-1")]


async def test_what_a_full_journal_refused_is_told_when_it_has_room(line: Line) -> None:
    """A frame that was seen and could not be written down is not forgotten, though it changes no more."""
    make(line, "over", -4000, -3000)
    follower = Follower(line, since_s=-5000)
    await line.describe(QUIET)
    await line.fill()
    async with follower.following():
        await eventually(lambda: "full" in line.counters.stream("f").last_error, 30)
        await line.empty()
        await eventually(lambda: _has(follower, "end", "over"), 30)


async def test_the_timeline_knows_the_batches(line: Line) -> None:
    """With the levels below them, as soon as they are written down, and after a restart from the journal alone."""
    parent = make(line, "B-9", -50)
    make(line, "Heat", -40, parent=parent, template="Operation")
    follower = Follower(line)
    async with follower.following():
        await eventually(lambda: _batch(follower, -30) == ("B-9", ["Heat"]))
        assert _batch(follower, -45) == ("B-9", [])
        await eventually(lambda: follower.around.readings.know([r"\\AF1\PLANT"], line.clock.ticks, line.clock.ticks))
    kept = {frame.name for frame in await recalled(line.journal, r"\\AF1\PLANT")}
    assert {"B-9", "Heat"} <= kept


async def test_history_that_is_read_reaches_back(line: Line) -> None:
    """Whoever reads events of an earlier time has the frames of that time read, too."""
    make(line, "B-old", -500_000, -400_000)
    follower = Follower(line)
    async with follower.following() as reader:
        since = line.clock.ticks - 450_000 * SECOND
        assert not follower.around.readings.know([r"\\AF1\PLANT"], since, 0)
        reader.reach(since)
        await eventually(lambda: follower.around.readings.know([r"\\AF1\PLANT"], since, 0), 60)
        assert _batch(follower, -450_000)[0] == "B-old"


async def test_what_may_be_lost_is_told_again(line: Line) -> None:
    """A damaged part of the journal held records of that time."""
    make(line, "X-1", -5)
    follower = Follower(line)
    async with follower.following() as reader:
        await eventually(lambda: _has(follower, "start", "X-1"))
        await reader.lose(line.clock.ticks - 10 * SECOND, line.clock.ticks)
        await eventually(lambda: _told_times(follower, "X-1", 2))


async def _told_times(follower: Follower, name: str, times: int) -> bool:
    return len(await own(follower, name)) == times


def _batch(follower: Follower, second: float) -> tuple[str, list[str]]:
    moment = follower.line.clock.ticks + round(second * SECOND)
    batch = follower.around.timeline.span("Plant/Area2/Packaging/Line1", moment).batch
    if batch is None:
        return "", []
    told = json.loads(batch.json)
    return batch.id, [level["name"] for level in told.get("levels", ())]


async def _has(follower: Follower, op: str, name: str) -> bool:
    return (op, name) in await follower.told()


async def _last_op(follower: Follower, op: str) -> bool:
    told = await own(follower, "X-1", "X-2")
    return bool(told) and told[-1][0] == op
