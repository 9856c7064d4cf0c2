import asyncio
from pathlib import Path
from typing import Any

import pytest

from delivery.shelves import Dock, Shelf, opened
from inspection.scenes import judged, loaded
from journal.samples import NOW, events
from pibridge.config.loaded import Loaded
from pibridge.context import filters
from pibridge.context.choice import Choice
from pibridge.delivery import replaying
from pibridge.delivery.pump import Pump
from pibridge.delivery.verdict import Again, Verdict
from pibridge.inspection.explanation import InReplay
from pibridge.journal.letters import Wanted
from pibridge.journal.replay import WantedReplay
from pibridge.model.event import BAD, Event, Lane
from pibridge.sinks.contract import Bounds
from waiting import eventually, running


async def ordered(dock: Dock, **choice: Any) -> str:
    """Order a replay to the sink; give its id."""
    return await dock.journal.replays.order(WantedReplay(choice=Choice(**choice), sinks=("lake",), rate=1e6))


def pumped(dock: Dock, told: Loaded, shelf: Shelf) -> Pump:
    """Give the pump of the sink as it is configured."""
    settings = told.configuration.sink_filters()["lake"]
    return dock.pump(shelf, "lake", filters.build(settings), settings)


def states(dock: Dock) -> list[str]:
    """Give the states of all replays."""
    return [each.state for each in dock.journal.replays.all]


def of(dock: Dock, told: Loaded, replay_id: str) -> dict[int, InReplay]:
    """Give what became of the events that a replay means, by position."""
    verdicts = {seq: at_sink.replays for seq, (_, at_sink) in judged(dock, told).items()}
    return {seq: replays[replay_id] for seq, replays in verdicts.items() if replay_id in replays}


async def test_each_verdict_is_what_the_replay_did(tmp_path: Path) -> None:
    """Sent, kept back by a key, or refused; of no other event. What became of it before the replay stays as it was."""
    lake = {"lake": {"type": "file", "path": tmp_path / "out", "filter": {"quality": ["good"], "deadband": 1.5}}}
    told, shelf = loaded(tmp_path, sinks=lake), Shelf()
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, [*events(4), Event(1, NOW + 4, 9, BAD), *events(2, tag=2)], NOW)
        async with running(pumped(dock, told, shelf).run()):
            await eventually(lambda: dock.lag() == 0)
            before = {seq: at_sink.verdict for seq, (_, at_sink) in judged(dock, told).items()}
            shelf.refuses = lambda record: "odd" if record.seq == 2 else ""
            first = await ordered(dock, tags=("T1",), start_ticks=NOW + 1)
            await eventually(lambda: states(dock) == ["done"])
            second = await ordered(dock, tags=("T1",), end_ticks=NOW)
            await eventually(lambda: states(dock) == ["done", "done"])
        found, other = of(dock, told, first), of(dock, told, second)
        assert {seq: each.verdict for seq, each in found.items()} == {
            2: Again.REFUSED,
            3: Again.DELIVERED,
            4: Again.DELIVERED,
            5: Again.WITHHELD,
        }
        assert (found[2].why, found[5].key) == ("a dead letter: odd", "sinks.lake.filter.quality")
        assert {record.seq for bounds in shelf.kept if bounds.replay == first for record in shelf.kept[bounds]} == {
            3,
            4,
        }
        assert {seq: each.verdict for seq, each in other.items()} == {1: Again.DELIVERED}
        assert {seq: at_sink.verdict for seq, (_, at_sink) in judged(dock, told).items()} == before
        assert set(before.values()) == {Verdict.DELIVERED, Verdict.WITHHELD}
        await dock.journal.letters.resend(Wanted(sink="lake"))
        assert of(dock, told, first)[2].verdict is Again.RESENDING


async def test_what_a_replay_has_not_reached_waits_until_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paused or not. What was on its way when the daemon died, and was cancelled then, is uncertain."""
    monkeypatch.setattr(replaying, "_MOST_RECORDS", 2)
    told, hanging = loaded(tmp_path), asyncio.Event()

    async def hang(bounds: Bounds) -> None:
        if bounds.replay and bounds.first > 1:
            hanging.set()
            await asyncio.Event().wait()

    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, events(6), NOW)
        async with running(pumped(dock, told, Shelf(before_keeping=hang)).run()):
            replay_id = await ordered(dock)
            async with asyncio.timeout(10):
                await hanging.wait()
        sent = [Again.DELIVERED, Again.DELIVERED]
        assert [each.verdict for each in of(dock, told, replay_id).values()] == [*sent, *[Again.WAITING] * 4]
        await dock.journal.replays.pause(replay_id)
        paused = of(dock, told, replay_id)[3]
        assert (paused.state, paused.verdict) == ("paused", Again.WAITING)
        assert paused.why == "the replay is at seq 2 of 6; the filter lets it pass"
        await dock.journal.replays.cancel(replay_id)
        found = [each.verdict for each in of(dock, told, replay_id).values()]
        assert found == [*sent, Again.UNCERTAIN, Again.UNCERTAIN, Again.CANCELLED, Again.CANCELLED]
