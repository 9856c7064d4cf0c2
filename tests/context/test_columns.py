import base64
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from context.plants import LANES, NOON, NOTE, POINT, TEMPERATURE, events
from pibridge.context.columns import columns
from pibridge.context.record import Context, Record, context_of, json_record
from pibridge.intake.frame_records import content
from pibridge.model import ticks
from pibridge.model.event import DELETE, END, START, UPDATE, Event, Lane
from pibridge.model.tag import Tag
from sinks.plant_records import CLEANING, FRAME, FRAMES, MASHING, every_kind
from status.browsers import browsing
from unpacking import code, in_python

FUNCTION = code("javascript")
NODE = (
    FUNCTION
    + """
const { isDeepStrictEqual } = require("node:util");
(async () => {
  for await (const line of require("node:readline").createInterface({ input: process.stdin })) {
    const { payload, expected } = JSON.parse(line);
    const found = await records(Buffer.from(payload, "base64"));
    console.log(isDeepStrictEqual(found, expected) ? "equal" : JSON.stringify(found));
  }
})();
"""
)


def near() -> st.SearchStrategy[int]:
    """Give times around noon, in any order, and some that are far away."""
    around = st.integers(-10 * ticks.PER_SECOND, 10 * ticks.PER_SECOND).map(lambda distance: NOON + distance)
    return around | st.integers(-(10**16), ticks.FOREVER)


def told() -> st.SearchStrategy[tuple[Tag, Event]]:
    """Give what PI may say: events of points, attributes and texts, and event frames."""
    values = st.tuples(st.sampled_from([TEMPERATURE, POINT, NOTE]), st.builds(replace, events(), ticks=near()))
    frames = st.builds(
        Event, st.just(1), near(), st.just(content(FRAME)), st.sampled_from([START, UPDATE, END, DELETE])
    )
    return values | st.tuples(st.just(FRAMES), frames)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    """Give records of a topic: of several tags, lanes, batches and replays, in order of their places."""
    known: dict[Any, Context] = {}
    made = []
    seq = draw(st.integers(0, 2**40))
    for tag, event in draw(st.lists(told(), max_size=12)):
        seq += draw(st.integers(1, 10**6))
        lane, replay = draw(LANES), draw(st.sampled_from(["", "20260310T080000"]))
        context = known.setdefault((tag.path, lane, replay), context_of("houston", tag, tag.asset, lane, replay=replay))
        batch = draw(st.sampled_from([None, MASHING, CLEANING])) if tag.asset else None
        made.append(Record(seq, event, context, batch))
    return made


def plain(some: list[Record]) -> list[Any]:
    """Give records as the encoding `json` has them."""
    return [json.loads(json_record(record)) for record in some]


@given(records())
@example(every_kind())
def test_nothing_is_lost(some: list[Record]) -> None:
    """The function in Python that the page gives makes the records of columns again, each as JSON has it."""
    assert in_python()(columns("houston", some)) == plain(some)


@pytest.fixture(scope="module")
def node() -> Iterator[subprocess.Popen[str]]:
    """Run node with the function of the page: of each line it tells whether what it unpacks is what is expected."""
    if shutil.which("node") is None:
        reason = "no node here: install nodejs, 18 or later"
        if os.environ.get("PIBRIDGE_NODE") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with subprocess.Popen(["node", "-e", NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@given(some=records())
@example(some=every_kind())
def test_nothing_is_lost_in_javascript(node: subprocess.Popen[str], some: list[Record]) -> None:
    """The function in JavaScript that the page gives makes them, too; node judges, to whom 5.0 is 5."""
    assert node.stdin is not None
    assert node.stdout is not None
    payload = base64.b64encode(columns("houston", some)).decode()
    node.stdin.write(json.dumps({"payload": payload, "expected": plain(some)}) + "\n")
    node.stdin.flush()
    assert node.stdout.readline() == "equal\n"


async def test_a_browser_unpacks_it() -> None:
    """The same function runs in a browser."""
    payload = base64.b64encode(columns("houston", every_kind())).decode()
    script = (
        f"{FUNCTION}\nconst [text, done] = arguments;"
        "records(Uint8Array.from(atob(text), each => each.charCodeAt(0))).then(done);"
    )
    async with browsing() as browser:
        found = await browser.do(lambda chrome: chrome.execute_async_script(script, payload))
    assert [record["seq"] for record in found] == [record.seq for record in every_kind()]


def test_the_same_records_give_the_same_bytes() -> None:
    """Also when what they share was put together anew, as after a restart."""
    assert columns("houston", every_kind()) == columns("houston", every_kind())


def test_what_is_shared_stands_once() -> None:
    """A batch, a description, an asset: once in a message, however many records have it."""
    context = context_of("houston", TEMPERATURE, TEMPERATURE.asset, Lane.LIVE)
    some = [Record(seq, Event(1, NOON + seq, seq * 1.5), context, MASHING) for seq in range(1, 100)]
    text = gzip.decompress(columns("houston", some)).decode()
    for each in ("I1AbE", "Reactor", "B-1001", "°C", '"good"'):
        assert text.count(each) <= 2  # a batch has its id as its name, too


def test_it_needs_less_than_compressed_json() -> None:
    """A tag's values need less than half of what they need as compressed JSON."""
    context = context_of("houston", TEMPERATURE, TEMPERATURE.asset, Lane.LIVE)
    some = [Record(seq, Event(1, NOON + seq * 10_012_347, seq * 1.37 % 97), context) for seq in range(1, 1000)]
    zipped = gzip.compress(b",".join(map(json_record, some)))
    assert len(columns("houston", some)) * 2 < len(zipped)
