import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.shelves import Shelf, opened
from inspection.scenes import delivered, judged, loaded
from journal.samples import NOW
from pibridge.delivery.verdict import Verdict
from pibridge.inspection.at_sinks import AtSinks
from pibridge.inspection.explanation import AtSink
from pibridge.inspection.records import Records
from pibridge.inspection.sightings import Sighting
from pibridge.journal.letters import Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.model.event import BAD, UPDATE, Event, Lane
from pibridge.sinks.contract import Bounds
from waiting import eventually

GOOD = {"quality": ["good"]}
THIN = {"deadband": 2, "heartbeat": "20s"}
REFUSED = 7
EVENTS = st.builds(
    Event,
    tag=st.integers(1, 2),
    ticks=st.integers(0, 60).map(lambda s: NOW + s * ticks.PER_SECOND),
    value=st.integers(0, 8),
    status=st.sampled_from([0, 0, 0, BAD, UPDATE]),
)
ROUNDS = st.lists(
    st.tuples(st.sampled_from(list(Lane)), st.lists(EVENTS, min_size=1, max_size=8)), min_size=1, max_size=6
)
FILTERS = st.sampled_from([{}, GOOD, THIN, {**GOOD, **THIN}, {"tags": ["T2"], **THIN}, {"tags": ["T9"]}])


def sink(folder: Path, filter_: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give the settings of a sink with a filter."""
    return {"lake": {"type": "file", "path": folder / "out", "filter": filter_, **more}}


def odd(shelf: Shelf, verdicts: dict[int, tuple[Sighting, AtSink]], letters: set[int]) -> dict[int, str]:
    """Give where a verdict is not what the pump did."""
    taken = {seq for lane in Lane for seq in shelf.seqs(lane)}
    return {
        seq: f"{found.verdict}: {found.why}"
        for seq, (_, found) in verdicts.items()
        if found.verdict
        not in ({Verdict.REFUSED} if seq in letters else {Verdict.DELIVERED, Verdict.UNCERTAIN} if seq in taken
                else {Verdict.WITHHELD, Verdict.UNCERTAIN})
    }  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(before=ROUNDS, after=ROUNDS, filter_=FILTERS, refuses=st.booleans(), breaks=st.integers(0, 1))
async def test_each_verdict_is_what_the_pump_did(
    before: list[tuple[Lane, list[Event]]],
    after: list[tuple[Lane, list[Event]]],
    filter_: dict[str, Any],
    breaks: int,
    *,
    refuses: bool,
) -> None:
    """Whatever comes in both lanes, over a restart, with refusals and broken links: delivered, withheld or refused.

    What then still comes waits.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = loaded(folder, sinks=sink(folder, filter_))
        shelf = Shelf(breaks=breaks)
        if refuses:
            shelf.refuses = lambda record: "odd" if record.event.value == REFUSED else ""
        for rounds in (before, after):
            async with opened(folder) as dock:
                for lane, events in rounds:
                    await dock.journal.commit(lane, events, NOW)
                await delivered(dock, told, shelf)
                reader = JournalReader.open(folder)
                letters = {kept.letter.seq for kept in reader.dead_letters(Wanted(sink="lake"))}
                reader.close()
                verdicts = judged(dock, told)
                assert odd(shelf, verdicts, letters) == {}
                lanes = {lane for lane, _ in [*before, *after]}
                if len(lanes) == 1 and not refuses:
                    assert not [seq for seq, (_, found) in verdicts.items() if found.verdict is Verdict.UNCERTAIN]
        async with opened(folder) as dock:
            await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 1)], NOW)
            last = max(verdicts := judged(dock, told))
            assert verdicts[last][1].verdict is Verdict.WAITING


async def test_the_key_that_keeps_it_back_is_named(tmp_path: Path) -> None:
    """The sink's own, or the default that it stands in for."""
    told = loaded(tmp_path, filter=GOOD, sinks=sink(tmp_path, {"tags": ["T2"]}))
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 1), Event(2, NOW, 1, BAD), Event(2, NOW, 1)], NOW)
        before = judged(dock, told)
        assert {found.verdict for _, found in before.values()} == {Verdict.NOT_BEGUN}
        await delivered(dock, told, Shelf())
        found = [at_sink for _, at_sink in judged(dock, told).values()]
    assert [each.key for each in found] == ["sinks.lake.filter.tags", "filter.quality", ""]
    assert found[0].why == "sinks.lake.filter.tags keeps it back"
    assert found[2].why == "the sink has acknowledged up to seq 3, and its filter lets it pass"


async def test_what_came_before_the_sink_is_not_owed(tmp_path: Path) -> None:
    """It began with what came then."""
    told = loaded(tmp_path)
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 1)], NOW)
        for lane in Lane:
            await dock.journal.cursor("lake", lane, start="now")
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW, 2)], NOW)
        await delivered(dock, told, Shelf())
        found = [at_sink.verdict for _, at_sink in judged(dock, told).values()]
    assert found == [Verdict.NOT_OWED, Verdict.DELIVERED]


async def test_a_new_deadband_knows_nothing_of_what_was_before_it(tmp_path: Path) -> None:
    """What another one let pass is uncertain; behind that all is known."""
    shelf, values = Shelf(), (0, 1, 2, 3)
    thin = [loaded(tmp_path, sinks=sink(tmp_path, {"deadband": width})) for width in (1.5, 3)]
    for told in thin:
        async with opened(tmp_path) as dock:
            start = 0 if told is thin[0] else 10
            events = [Event(1, NOW + (start + value) * ticks.PER_SECOND, value) for value in values]
            await dock.journal.commit(Lane.LIVE, events, NOW)
            await delivered(dock, told, shelf)
            found = [at_sink.verdict for _, at_sink in judged(dock, told).values()]
    known = [Verdict.DELIVERED, Verdict.WITHHELD, Verdict.WITHHELD, Verdict.DELIVERED]
    assert found == [*[Verdict.UNCERTAIN] * 4, *known]


async def test_what_passed_because_of_the_other_lane_is_not_asked_again(tmp_path: Path) -> None:
    """Whether it would have been kept back otherwise says nothing: up to it only what is remembered counts."""
    released = asyncio.Event()

    async def wait(bounds: Bounds) -> None:
        if bounds.lane is Lane.HISTORY:
            await released.wait()

    def at(tag: int, time_s: int, value: int) -> Event:
        return Event(tag, NOW + time_s * ticks.PER_SECOND, value)

    told, shelf = loaded(tmp_path, sinks=sink(tmp_path, {"deadband": 1.5})), Shelf(before_keeping=wait)
    async with opened(tmp_path) as dock, asyncio.TaskGroup() as group:
        await dock.journal.commit(Lane.HISTORY, [at(2, 0, 0)], NOW)
        group.create_task(delivered(dock, told, shelf))
        await eventually(lambda: len(shelf.fixed) == 1)
        await dock.journal.commit(Lane.HISTORY, [at(2, 5, 0), at(2, 7, 9)], NOW)  # not read before the first is taken
        await dock.journal.commit(Lane.LIVE, [at(1, *pair) for pair in ((0, 0), (10, 1), (11, 2))], NOW)
        await dock.journal.commit(Lane.LIVE, [at(1, *pair) for pair in ((20, 9), (30, 19), (60, 29), (90, 29))], NOW)
        await eventually(lambda: len(shelf.seqs()) == 5)
        released.set()
    async with opened(tmp_path) as dock:
        found = {seq: at_sink.verdict for seq, (_, at_sink) in judged(dock, told).items()}
    assert shelf.seqs() == [4, 5, 7, 8, 9]
    assert {seq for seq, verdict in found.items() if verdict is Verdict.UNCERTAIN} == {5, 6, 7}
    assert {seq for seq, verdict in found.items() if verdict is Verdict.WITHHELD} == {2, 10}


async def test_resent_letters_are_on_their_way(tmp_path: Path) -> None:
    """Refused, then put on its way; what was dropped is told as a doubt of all."""
    told = loaded(tmp_path)
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [Event(1, NOW + i, REFUSED) for i in range(3)], NOW)
        await delivered(dock, told, Shelf(refuses=lambda _: "odd"))
        await dock.journal.letters.resend(Wanted(sink="lake", seqs=(1,)))
        found = {seq: at_sink for seq, (_, at_sink) in judged(dock, told).items()}
        assert [found[seq].verdict for seq in (1, 2)] == [Verdict.RESENDING, Verdict.REFUSED]
        assert found[2].why == "a dead letter: odd"
        await dock.journal.letters.drop(Wanted(sink="lake", seqs=(2,)))
        reader = JournalReader.open(tmp_path)
        assert AtSinks(told, reader, Records(told, reader)).has_lost_letters
        reader.close()
