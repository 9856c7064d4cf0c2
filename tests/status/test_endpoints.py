from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from context.rules import frame, timeline
from pibridge.context.settings import ContextSettings
from pibridge.context.surroundings import Surroundings
from pibridge.journal.gaps import NewGap
from pibridge.model.event import BAD, ERROR, SUBSTITUTED, Event
from pibridge.status.endpoints import Api, NotFoundError
from pibridge.status.lines import Lines
from pibridge.status.past import Past
from pibridge.status.running import Batches
from status.stage import NOW, SECOND, Stage, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Give a journal with twelve tags."""
    async with staged(tmp_path, 12) as stage:
        yield stage


@pytest.fixture
def past() -> Past:
    """Give a ring."""
    return Past()


@pytest.fixture
async def api(stage: Stage, past: Past) -> AsyncIterator[Api]:
    """Give what answers of them."""
    lines = Lines()
    for number in range(3):
        lines.take(None, "info", {"event": f"line {number}"})
    api = Api(stage, past, lines)
    yield api
    api.close()


async def asked(api: Api, path: str, **query: str) -> Any:
    """Give the answer as JSON has it."""
    (endpoint,) = [endpoint for endpoint in api.endpoints if endpoint.path == f"/api/{path}"]
    answer = await endpoint.ask(msgspec.convert(query, endpoint.query, strict=False))
    assert isinstance(answer, endpoint.answer)
    return msgspec.json.decode(msgspec.json.encode(answer))


async def test_the_status_has_an_outlook(api: Api, stage: Stage, past: Past) -> None:
    """The daemon's snapshot, and what the last minutes say of it."""
    for place in range(5):
        past.take(stage.said, 1000.0 + 2 * place)
    told = await asked(api, "status")
    assert told["site"] == "houston"
    assert told["outlook"]["read_per_s"] == 0
    assert len((await asked(api, "history"))["points"]) == 4


async def test_the_table_is_searched(api: Api, stage: Stage) -> None:
    """By what the journal knows at the moment of the question."""
    assert (await asked(api, "tags", q="u0001", limit="1"))["matched"] == 2
    await stage.add(8)
    await stage.tell(Event(12, NOW, 3.5))
    told = await asked(api, "tags", q="u0001", sort="newest", limit="1")
    assert (told["total"], told["matched"], told["rows"][0]["value"]) == (20, 10, 3.5)


async def test_sparklines_go_on(api: Api, stage: Stage) -> None:
    """All that was asked for in one answer; what is known already need not be told again."""
    await stage.wave([1, 2], 30)
    first = await asked(api, "sparklines", tags="1,2,3,99", minutes="15")
    assert {number: len(curve) for number, curve in first["curves"].items()} == {"1": 31, "2": 31}
    assert first["until"] - first["since"] == 900
    stage.now_ticks += 5 * SECOND
    await stage.tell(Event(1, stage.now_ticks, 7.0))
    again = await asked(api, "sparklines", tags="1,2", since=str(first["until"] + 1))
    assert again["curves"] == {"1": [[stage.now_ticks / SECOND, 7.0]]}


async def test_a_tag_has_its_own_view(api: Api, stage: Stage) -> None:
    """What it is, its curve, and its newest values, the newest first."""
    await stage.wave([3], 60)
    await stage.tell(Event(3, NOW + SECOND, "off line", ERROR | BAD), Event(3, NOW + 2 * SECOND, 4.0, SUBSTITUTED))
    stage.now_ticks = NOW + 3 * SECOND
    told = await asked(api, "tag", number="3", minutes="60")
    assert told["tag"]["name"] == "U0000.Value2"
    assert (told["values"], len(told["curve"]), len(told["events"])) == (63, 63, 50)
    assert told["events"][0] == {
        "ts": "2026-03-01T12:00:02.0000000Z",
        "text": "4",
        "quality": "good",
        "flags": ["substituted"],
    }
    assert (told["events"][1]["text"], told["events"][1]["quality"]) == ("off line", "bad")
    new = await asked(api, "tag", number="3", since=str(told["until"] - 2))
    assert [event["text"] for event in new["events"]] == ["4", "off line"]
    with pytest.raises(NotFoundError, match="no tag has the number 13"):
        await asked(api, "tag", number="13")


async def test_what_is_owed_is_told(api: Api, stage: Stage) -> None:
    """From the journal itself."""
    await stage.journal.open_gaps([NewGap(number, NOW - SECOND, None, "channel lost") for number in (1, 3, 5)])
    told = await asked(api, "gaps")
    assert (told["gaps"], told["debts"][0]["gaps"], told["debts"][0]["reason"]) == (3, 3, "channel lost")


async def test_running_batches_are_told(api: Api, stage: Stage) -> None:
    """Of the units that tags belong to; nothing where no rule is configured, and nothing before the start."""
    none = msgspec.to_builtins(Batches(units=0, running=0, batches=[]))
    assert await asked(api, "batches") == none
    rule = {"assets": "Plant/*", "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}}
    settings = ContextSettings.model_validate({"batches": {"rule": rule}})
    stage.surroundings = Surroundings(settings, [])
    stage.surroundings.timeline = timeline(
        settings.batches["rule"], frame("B-7", NOW - SECOND, elements=("Plant/Unit0001",))
    )
    told = await asked(api, "batches")
    assert (told["units"], told["running"]) == (2, 1)
    assert (told["batches"][0]["asset"], told["batches"][0]["id"]) == ("Plant/Unit0001", "B-7")
    stage.surroundings = None
    assert await asked(api, "batches") == none


async def test_log_lines_go_on(api: Api) -> None:
    """All that are kept, or those behind one."""
    assert [line["event"] for line in (await asked(api, "log"))["lines"]] == ["line 0", "line 1", "line 2"]
    assert [line["id"] for line in (await asked(api, "log", after="2"))["lines"]] == [3]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("tags", {"limit": "201"}),
        ("tags", {"state": "odd"}),
        ("tags", {"q": "x" * 201}),
        ("tags", {"nonsense": "1"}),
        ("sparklines", {"tags": "1;2"}),
        ("sparklines", {"tags": ",".join("1" * 101)}),
        ("tag", {}),
        ("tag", {"number": "0"}),
        ("batches", {"limit": "100000"}),
    ],
)
async def test_no_question_is_too_large(api: Api, path: str, query: dict[str, str]) -> None:
    """What is asked for is bounded, and a question that nobody understands is refused."""
    with pytest.raises(msgspec.ValidationError):
        await asked(api, path, **query)
