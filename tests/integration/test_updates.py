"""Stream updates between the client and a PI Web API that loses, restarts and edits."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from pi.canned import AT_ONCE, settings_for
from pibridge.errors import RejectedError
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.update_wire import Action, PreviousEventAction
from pibridge.pi.updates import Update, register, retrieve
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.reading import stream_of
from pibridge.simulator.samples import Sample
from pibridge.simulator.webid import Identity, WebIdType, encode
from simulator.bench import NOW, Clock

Facts = list[tuple[int, object]]
"""Time and value of events."""


class Plant:
    """A simulator whose time the test moves, its client, and where each tag's updates stand."""

    def __init__(self, simulator: Simulator, clock: Clock, client: PiClient) -> None:
        self.simulator = simulator
        self.clock = clock
        self.client = client
        self.markers: dict[str, str] = {}

    def web_id(self, name: str) -> str:
        """Give the WebID of a point or of an attribute (a path)."""
        tree = {each.path: each.identity for each in self.simulator.plant.tree.attributes()}
        identity: Identity = tree[name] if name in tree else self.simulator.plant.point(name).identity
        return encode(identity, WebIdType.ID_ONLY)

    async def register(self, names: Iterable[str]) -> None:
        """Register tags anew."""
        registered = await register(self.client, [self.web_id(name) for name in names])
        assert registered.failed == {}
        self.markers |= registered.markers

    async def retrieve(self) -> dict[str, Update]:
        """Ask for what is new, and go on from there."""
        updates = await retrieve(self.client, self.markers)
        assert updates.keys() == self.markers.keys()
        self.markers = {web_id: update.marker for web_id, update in updates.items() if update.lost is None}
        return updates

    def truth(self, name: str, since_ticks: int = NOW) -> Facts:
        """Give what the plant made of a tag since then."""
        samples = self.simulator.plant.snapshots(name, since_ticks + 1, self.clock())
        return [(sample.ticks, sample.value) for sample in samples]


@asynccontextmanager
async def plant(settings: SimulatorSettings) -> AsyncIterator[Plant]:
    """Run a simulator and a client."""
    clock = Clock()
    async with (
        Simulator(settings, clock=clock) as simulator,
        PiClient(settings_for(simulator.url), retries=AT_ONCE) as client,
    ):
        yield Plant(simulator, clock, client)


def facts(update: Update) -> Facts:
    """Give time and value of an update's events."""
    return [(ticks.parse(event.timestamp), event.value) for event in update.events]


async def test_all_that_happens_is_told_once() -> None:
    """Several polls of more streams than one URL holds: every snapshot, in order, and nothing twice."""
    async with plant(SimulatorSettings(bulk_points=400, event_rate=1.0)) as line:
        names = [f"BULK.{number:06d}" for number in range(1, 401)] + ["R1.State", "R1.BatchID"]
        await line.register(names)
        seen: dict[str, Facts] = {web_id: [] for web_id in line.markers}
        for _ in range(4):
            line.clock.advance(7)
            for web_id, update in (await line.retrieve()).items():
                assert update.lost is None
                seen[web_id] += facts(update)
        assert seen == {line.web_id(name): line.truth(name) for name in names}


async def test_edits_come_with_their_actions() -> None:
    """Late, replaced and deleted values are told as such."""
    async with plant(SimulatorSettings()) as line:
        await line.register(["NEW.Tag"])
        archive = line.simulator.plant
        archive.insert("NEW.Tag", Sample(NOW - 50, 1.0))
        archive.insert("NEW.Tag", Sample(NOW - 90, 2.0))
        archive.replace("NEW.Tag", NOW - 50, 3.0)
        archive.delete("NEW.Tag", NOW - 90)
        (update,) = (await line.retrieve()).values()
        assert [(event.action, event.value) for event in update.events] == [
            (Action.ADD, 1.0),
            (Action.UPDATE, 2.0),
            (Action.UPDATE, 3.0),
            (Action.DELETE, 2.0),
        ]
        assert update.events[0].previous_event_action is PreviousEventAction.ARCHIVED


async def test_what_cannot_be_registered_fails_alone() -> None:
    """A static attribute and an unknown WebID among good ones."""
    async with plant(SimulatorSettings()) as line:
        static = line.web_id(r"\\AF1\Plant\Area1\R1|Capacity")
        computed = line.web_id(r"\\AF1\Plant\Area1\R1|Temperature F")
        unknown = "I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA"
        good = [line.web_id(name) for name in ("R1.Level", "R2.Level", "R3.Level")]
        registered = await register(line.client, [good[0], static, good[1], unknown, good[2], computed])
        assert registered.markers.keys() == {*good, computed}
        assert {web_id: type(error) for web_id, error in registered.failed.items()} == {
            static: RejectedError,
            unknown: RejectedError,
        }


@pytest.mark.parametrize("updates_lost", ["items", "status"])
@pytest.mark.parametrize("how", ["close", "kill", "idle", "fault"])
async def test_lost_registrations_are_noticed_and_made_anew(how: str, updates_lost: str) -> None:
    """However they got lost, and however the server says so, all streams are told as lost, and go on registered."""
    settings = SimulatorSettings(updates_lost="status" if updates_lost == "status" else "items")
    async with plant(settings) as line:
        names = ["R1.Level", "R2.Level"]
        await line.register(names)
        line.clock.advance(5)
        if how == "idle":
            line.clock.advance(16 * 60)
        elif how == "fault":
            line.simulator.faults.add("lost-registrations")
        else:
            await (line.simulator.close() if how == "close" else line.simulator.kill())
            await line.simulator.start()
        lost = await line.retrieve()
        assert all("Cache not found" in str(update.lost) for update in lost.values())
        assert line.markers == {}
        since = line.clock()
        await line.register(names)
        line.clock.advance(5)
        updates = await line.retrieve()
        assert [facts(updates[line.web_id(name)]) for name in names] == [line.truth(name, since) for name in names]


@pytest.mark.parametrize("kind", ["signup-updated", "signup-removed", "stream-error"])
async def test_one_lost_signup_leaves_the_others_alone(kind: str) -> None:
    """The struck stream says so; the others lose nothing; afterwards it can be registered again."""
    async with plant(SimulatorSettings()) as line:
        await line.register(["R1.Level", "R2.Level"])
        fault = line.simulator.faults.add(f"{kind}@tag=R1.Level")
        line.clock.advance(5)
        updates = await line.retrieve()
        assert "signup" in str(updates[line.web_id("R1.Level")].lost)
        assert facts(updates[line.web_id("R2.Level")]) == line.truth("R2.Level")
        line.simulator.faults.remove(fault.number)
        since = line.clock()
        await line.register(["R1.Level"])
        line.clock.advance(5)
        assert facts((await line.retrieve())[line.web_id("R1.Level")]) == line.truth("R1.Level", since)


@pytest.mark.parametrize("fault", ["truncate", "reset", "web-exception", "html", "status=503"])
@pytest.mark.parametrize("repeats", [True, False])
async def test_a_lost_answer_is_repeated_or_told_as_lost(fault: str, repeats: bool) -> None:  # noqa: FBT001 - parametrized
    """After an answer that broke off, the events come with the next try, or the stream is lost: never less, unsaid."""
    settings = SimulatorSettings(old_markers="repeat" if repeats else "error")
    async with plant(settings) as line:
        await line.register(["R1.Level"])
        line.clock.advance(5)
        line.simulator.faults.add(f"{fault}@path=/streamsets/updates,method=GET,count=1")
        (update,) = (await line.retrieve()).values()
        # The other faults strike before the server has looked at the marker.
        assert update.lost is None or (not repeats and fault in ("truncate", "web-exception"))
        assert update.lost or facts(update) == line.truth("R1.Level")


async def test_a_registration_whose_answer_was_lost_is_taken_up() -> None:
    """The next try finds the streams registered already, and nothing since is missing."""
    async with plant(SimulatorSettings()) as line:
        line.simulator.faults.add("truncate@path=/streamsets/updates,method=POST,count=1")
        await line.register(["R1.Level"])
        line.clock.advance(5)
        (update,) = (await line.retrieve()).values()
        assert facts(update) == line.truth("R1.Level")


async def test_a_computed_attribute_is_told_in_its_own_unit() -> None:
    """The value is the attribute's, not its point's."""
    async with plant(SimulatorSettings()) as line:
        path = r"\\AF1\Plant\Area1\R1|Temperature F"
        await line.register([path])
        line.clock.advance(3)
        (update,) = (await line.retrieve()).values()
        attribute = next(each for each in line.simulator.plant.tree.attributes() if each.path == path)
        samples = line.simulator.plant.snapshots("R1.Temperature", NOW + 1, line.clock())
        assert [event.value for event in update.events] == [stream_of(attribute).seen(each).value for each in samples]
        assert {event.units_abbreviation for event in update.events} <= {"°F", ""}
