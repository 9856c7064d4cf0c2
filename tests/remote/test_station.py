import asyncio
import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from structlog.testing import capture_logs

from greengrass.nucleus import TestNucleus
from pibridge.errors import PIBridgeError
from pibridge.greengrass.component import component_of
from pibridge.remote import station as station_module
from pibridge.remote.health import Health, State, health_of, lost
from pibridge.remote.line import Line
from pibridge.remote.nucleus_line import NucleusLine
from pibridge.remote.requests import AT_ONCE, MOST_BYTES
from pibridge.remote.settings import RemoteSettings
from pibridge.remote.station import Station
from pibridge.status.snapshot import PIStatus, Snapshot
from remote.watchers import ANSWERS, HEALTH, Watcher
from sinks.far_sides import SITE
from waiting import eventually, running

SNAPSHOT = Snapshot(
    version="1", site=SITE, started="2026-03-01T12:00:00Z", pi=PIStatus(url="https://pi", state="connected")
)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station_module, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(station_module, "_LONGEST_PAUSE_S", 0.1)


class Work:
    """What a daemon does when it is asked. `done`: ids of what was asked for."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def note(self, having: Raw) -> Any:
        """Do something, and count it."""
        said = msgspec.json.decode(having, type=dict[str, str])
        self.done.append(said.get("mark", ""))
        await self.may_end.wait()
        return {"marked": said.get("mark", "")}

    async def fail(self, _: Raw) -> Any:
        """Fail."""
        raise PIBridgeError("there is no such sink", hint="name another")

    async def stumble(self, _: Raw) -> Any:
        """Fail of something that nobody has thought of."""
        raise KeyError("nothing")

    async def talk(self, _: Raw) -> Any:
        """Answer more than fits."""
        return "x" * 200_000


def health() -> Health:
    """Give a record."""
    return health_of(SNAPSHOT, State.RUNNING, [], events_per_s=0.0, now_ticks=17_724_000_000_000_000)


def station(line: Line, work: Work, every_s: float = 3600.0) -> Station:
    """Give a station that takes requests."""
    settings = RemoteSettings.model_validate({"via": "bus", "health": {"every": every_s}, "commands": {}})
    commands = {"note": work.note, "fail": work.fail, "stumble": work.stumble, "talk": work.talk}
    return Station(settings, SITE, line, health, lost(SITE, "1", ""), commands)


async def states(watcher: Watcher, *expected: str) -> None:
    """Wait until these states have been told, last."""
    await eventually(lambda: [each["state"] for each in watcher.heard(HEALTH)][-len(expected) :] == [*expected])


async def test_health_arrives_again_and_again(watcher: Watcher) -> None:
    """At once when there is a connection, and each interval; over a broker that restarts, too. A stop is told."""
    told = station(watcher.line(), Work(), every_s=0.2)
    async with running(told.run()):
        await eventually(lambda: len(watcher.heard(HEALTH)) >= 3)
        await watcher.side.fail()
        before = len(watcher.heard(HEALTH))
        await watcher.side.start()
        await eventually(lambda: len(watcher.heard(HEALTH)) >= before + 2)
        await told.farewell()
        await eventually(lambda: "stopping" in [each["state"] for each in watcher.heard(HEALTH)])
    assert "lost" not in [each["state"] for each in watcher.heard(HEALTH)]


async def test_a_request_is_done_and_answered_once(watcher: Watcher) -> None:
    """Its duplicates are not; what cannot be done is told with the reason, to who has asked."""
    work = Work()
    with capture_logs() as lines:
        async with running(station(watcher.line(), work).run()):
            await states(watcher, "running")
            for _ in range(3):
                await watcher.ask({"id": "a", "do": "note", "having": {"mark": "m"}})
            await watcher.ask({"id": "b", "do": "fail"})
            await watcher.ask({"id": "c", "do": "rm -rf", "having": {"path": "/"}})
            await watcher.ask({"id": "d", "do": "talk"})
            await watcher.ask({"id": "s", "do": "stumble"})
            await watcher.ask(b"nonsense")
            await watcher.ask({"id": "e", "do": "note", "having": {"mark": "x" * MOST_BYTES}})
            await watcher.ask({"id": "f", "do": "note", "having": []})
            await watcher.ask({"id": "z", "do": "note"})
            await eventually(lambda: len(watcher.heard(ANSWERS)) >= 9 and watcher.heard(ANSWERS)[-1]["id"] == "z")
    answers = {answer["id"]: answer for answer in watcher.heard(ANSWERS) if answer["id"]}
    assert len(answers) + 2 == len(watcher.heard(ANSWERS))
    assert work.done[0] == "m"
    assert answers["a"] == {"v": 1, "id": "a", "do": "note", "ok": True, "done": {"marked": "m"}}
    assert answers["b"]["error"] == "there is no such sink (name another)"
    assert answers["c"]["error"] == "cannot rm -rf; there are fail, note, stumble, talk"
    assert answers["s"]["error"] == "failed by a mistake of PI Bridge; its log says more"
    assert answers["f"]["error"].startswith("having: Expected `object`")
    assert "has 200" in answers["d"]["error"]
    assert [line["id"] for line in lines if line["event"] == "request from afar"] == [*"abcdsfz"]


async def test_a_kept_request_is_ignored(watcher: Watcher) -> None:
    """With a line that says why: it would come again with each connection."""
    work = Work()
    await watcher.ask({"id": "old", "do": "note"}, "-r")
    with capture_logs() as lines:
        async with running(station(watcher.line(), work).run()):
            await watcher.ask({"id": "new", "do": "note"})
            await eventually(lambda: [line for line in lines if line["event"] == "a request is ignored"])
            await watcher.ask({"id": "new", "do": "note"})
            await eventually(lambda: watcher.heard(ANSWERS))
    assert work.done == [""]
    assert [answer["id"] for answer in watcher.heard(ANSWERS)] == ["new"]


async def test_a_flood_is_not_done(watcher: Watcher) -> None:
    """So many requests a minute are done, more are told so."""
    work = Work()
    async with running(station(watcher.line(), work).run()):
        await states(watcher, "running")
        await asyncio.gather(*(watcher.ask({"id": str(each), "do": "note"}) for each in range(AT_ONCE + 3)))
        await eventually(lambda: len(watcher.heard(ANSWERS)) == AT_ONCE + 3, 20)
    assert len(work.done) == AT_ONCE
    assert sum("ask later" in answer.get("error", "") for answer in watcher.heard(ANSWERS)) == 3


async def test_what_was_done_is_answered_after_the_broker_is_back(watcher: Watcher) -> None:
    """A request that was taken is done to its end, whatever becomes of the connection, and answered over the next."""
    work = Work()
    work.may_end.clear()
    async with running(station(watcher.line(), work).run()):
        await states(watcher, "running")
        await watcher.ask({"id": "long", "do": "note"})
        await eventually(lambda: work.done)
        await watcher.side.fail()
        await watcher.side.start()
        work.may_end.set()
        await eventually(lambda: watcher.heard(ANSWERS))
    assert [(answer["id"], answer["ok"]) for answer in watcher.heard(ANSWERS)] == [("long", True)]
    assert work.done == [""]


async def test_over_the_nucleus_it_is_the_same(nucleus: TestNucleus) -> None:
    """Health records and answers, over a nucleus that restarts; what does not fit into its frames is told so."""
    work = Work()
    line = NucleusLine(component_of("cloud", nucleus.environment), local=False)
    requests = f"pibridge/{SITE}/commands"

    def answers() -> list[dict[str, Any]]:
        return [json.loads(payload) for topic, payload in nucleus.iot_core if topic == ANSWERS]

    async with running(station(line, work).run()):
        for number in range(2):
            await eventually(lambda: nucleus.listeners(requests) == 1)
            nucleus.say(requests, json.dumps({"id": f"a{number}", "do": "note"}).encode())
            nucleus.say(requests, json.dumps({"id": f"b{number}", "do": "talk"}).encode())
            nucleus.say(requests, json.dumps({"id": f"a{number}", "do": "note"}).encode())
            await eventually(lambda: len(answers()) == 2 * (number + 1))  # noqa: B023 - waited for in this round
            await nucleus.stop()
            await nucleus.start()
        await eventually(lambda: len([topic for topic, _ in nucleus.iot_core if topic == HEALTH]) >= 3)
    assert [(answer["id"], answer["ok"]) for answer in answers()] == [
        ("a0", True),
        ("b0", False),
        ("a1", True),
        ("b1", False),
    ]


async def test_a_record_of_others_waits_for_a_connection(watcher: Watcher) -> None:
    """It is told where health records are, once and in order; of too many the newest."""
    told = station(watcher.line(), Work())
    for number in range(40):
        told.report({"kind": "audit", "number": number})
    async with running(told.run()):
        await audits(watcher, 31)
        told.report({"kind": "audit", "number": 40})
        await audits(watcher, 32)
    heard = [each["number"] for each in watcher.heard(HEALTH) if each.get("kind") == "audit"]
    assert heard == list(range(9, 41))


async def audits(watcher: Watcher, count: int) -> None:
    """Wait until so many records of audits have been told."""
    await eventually(lambda: sum(each.get("kind") == "audit" for each in watcher.heard(HEALTH)) == count)


async def test_a_record_outlives_an_outage(watcher: Watcher) -> None:
    """What is reported while the broker is away is told once it is back."""
    told = station(watcher.line(), Work())
    async with running(told.run()):
        await states(watcher, "running")
        await watcher.side.fail()
        told.report({"kind": "audit", "number": 1})
        await watcher.side.start()
        await audits(watcher, 1)
