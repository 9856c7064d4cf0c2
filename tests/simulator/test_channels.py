import asyncio
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from pibridge.model.ticks import PER_SECOND, parse
from pibridge.simulator import SimulatorSettings
from pibridge.simulator.samples import Sample
from simulator.bench import NOW, Bench, message

LEVEL = r"\\PISRV1\R1.Level"
BIG = "big-message=2000000@for=1h"
TEMPERATURE = r"\\AF1\Plant\Area1\R1|Temperature"


def times(said: Any) -> list[int]:
    """Give the times of a message's first stream."""
    return [parse(item["Timestamp"]) for item in said["Items"][0]["Items"]]


async def ended(channel: ClientWebSocketResponse) -> int | None:
    """Read until a channel ends and give its close code."""
    while (await asyncio.wait_for(channel.receive(), 10)).type is WSMsgType.TEXT:
        pass
    return channel.close_code


async def test_a_message_holds_all_that_is_new(bench: Bench) -> None:
    """Every snapshot since the last look comes once, two levels deep, with the unit of an attribute."""
    channel = await bench.channel(TEMPERATURE, webIdType="IDOnly")
    bench.clock.advance(10)
    (item,) = (await message(channel))["Items"]
    truth = bench.simulator.plant.snapshots("R1.Temperature", NOW + 1, NOW + 10 * PER_SECOND)
    assert [(parse(value["Timestamp"]), value["Value"]) for value in item["Items"]] == [
        (s.ticks, s.value) for s in truth
    ]
    assert item["WebId"] == await bench.web_id(TEMPERATURE)
    assert (item["Path"], item["UnitsAbbreviation"]) == (TEMPERATURE, "°C")
    bench.clock.advance(10)
    assert times(await message(channel))[0] > truth[-1].ticks


async def test_only_what_changed_is_sent(bench: Bench) -> None:
    """A stream without news is not in the message."""
    channel = await bench.channel(LEVEL, r"\\PISRV1\NEW.Tag")
    bench.clock.advance(10)
    assert [item["Path"] for item in (await message(channel))["Items"]] == [LEVEL]


async def test_initial_values(bench: Bench) -> None:
    """On request the first message has the present value of every stream."""
    channel = await bench.channel(LEVEL, r"\\PISRV1\NEW.Tag", includeInitialValues="true")
    first = await message(channel)
    assert [len(item["Items"]) for item in first["Items"]] == [1, 1]
    assert first["Items"][1]["Items"][0]["Value"]["Name"] == "Pt Created"


async def test_heartbeats(bench: Bench) -> None:
    """So many empty looks, then an empty message; none unless asked for."""
    beating = await bench.channel(LEVEL, heartbeatRate="2")
    silent = await bench.channel(LEVEL)
    assert [await message(beating) for _ in range(3)] == [{"Links": {}, "Items": []}] * 3
    bench.clock.advance(5)
    assert (await message(silent))["Items"]


async def test_edits_arrive(bench: Bench) -> None:
    """Late, replaced and deleted values are sent, the latter two marked Substituted."""
    channel = await bench.channel(r"\\PISRV1\NEW.Tag")
    plant = bench.simulator.plant
    plant.insert("NEW.Tag", Sample(NOW - 50, 1.0))
    plant.replace("NEW.Tag", NOW - 50, 2.0)
    plant.delete("NEW.Tag", NOW - 50)
    (item,) = (await message(channel))["Items"]
    assert [(value["Value"], value["Substituted"]) for value in item["Items"]] == [
        (1.0, False),
        (2.0, True),
        (2.0, True),
    ]


@pytest.mark.parametrize("settings", [SimulatorSettings(channel_interval_s=0.02, late_share=1, repeated_share=1)])
async def test_values_come_late_and_again(bench: Bench) -> None:
    """As in practice, a value may come one message late, behind newer ones, and the present one again: none is lost."""
    channel = await bench.channel(LEVEL)
    seen: list[int] = []
    for _ in range(6):
        bench.clock.advance(20)
        seen += times(await message(channel))
    truth = bench.simulator.plant.snapshots("R1.Level", NOW + 1, NOW + 100 * PER_SECOND)
    assert {sample.ticks for sample in truth} <= set(seen)
    assert seen != sorted(seen)
    assert len(seen) > len(set(seen))


async def test_other_ways_to_open(bench: Bench) -> None:
    """One stream, or all attributes of an element: the message looks the same. What a client says is ignored."""
    point, element = await bench.web_id(LEVEL), await bench.web_id(r"\\AF1\Plant\Area1\R1")
    single = await bench.connect(f"/streams/{point}/channel")
    parent = await bench.connect(f"/streamsets/{element}/channel?nameFilter=Flow*")
    await single.send_str("hello")
    bench.clock.advance(10)
    assert (await message(single))["Items"][0]["Path"] == LEVEL
    assert {item["Name"] for item in (await message(parent))["Items"]} == {"Flow In", "Flow Out"}
    assert bench.simulator.channels == 2


@pytest.mark.parametrize(("second", "status"), [("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA", 404), ("", 404), ("x", 400)])
async def test_a_bad_web_id_refuses_the_handshake(bench: Bench, second: str, status: int) -> None:
    """Unknown, twice, malformed: an ordinary HTTP answer in place of 101."""
    point = await bench.web_id(LEVEL)
    with pytest.raises(WSServerHandshakeError) as caught:
        await bench.connect(f"/streamsets/channel?webId={point}&webId={second or point}")
    assert caught.value.status == status


async def test_a_channel_needs_a_handshake(bench: Bench) -> None:
    """A plain GET is a bad request."""
    assert (await bench.get(f"/streams/{await bench.web_id(LEVEL)}/channel")).status == 400


@pytest.mark.parametrize(("how", "code"), [("1001", 1001), ("1011", 1011), ("abort", 1006), ("fin", 1006)])
async def test_dropped_channels(bench: Bench, how: str, code: int) -> None:
    """A drop ends the channels that are open, each way as its close code says; the next one lives."""
    channel = await bench.channel(LEVEL)
    bench.simulator.faults.add(f"drop-channel={how}")
    assert await ended(channel) == code
    again = await bench.channel(LEVEL)
    bench.clock.advance(5)
    assert (await message(again))["Items"]


async def test_a_silent_channel_beats_on(bench: Bench) -> None:
    """Sign-ups are gone: heartbeats but no data, until the channel is opened again."""
    channel = await bench.channel(LEVEL, heartbeatRate="1")
    bench.simulator.faults.add("silence")
    await message(channel)
    await message(channel)
    bench.clock.advance(10)
    assert [await message(channel) for _ in range(3)] == [{"Links": {}, "Items": []}] * 3
    again = await bench.channel(LEVEL)
    bench.clock.advance(10)
    assert (await message(again))["Items"]


async def test_a_stalled_channel_sends_nothing_until_it_wakes(bench: Bench) -> None:
    """Not even heartbeats come; afterwards the first message holds all that was missed."""
    bench.simulator.faults.add("stall@path=stuck")
    stuck = await bench.channel(LEVEL, heartbeatRate="1", who="stuck")
    sound = await bench.channel(LEVEL, heartbeatRate="1")
    assert [await message(sound) for _ in range(5)] == [{"Links": {}, "Items": []}] * 5
    bench.clock.advance(10)
    while not (await message(sound))["Items"]:
        """The look that brings the news may come after one more heartbeat."""
    bench.simulator.faults.clear()
    truth = bench.simulator.plant.snapshots("R1.Level", NOW + 1, NOW + 10 * PER_SECOND)
    assert times(await message(stuck)) == [sample.ticks for sample in truth]


@pytest.mark.parametrize("fault", ["reorder", "duplicate", BIG, "stream-error", "text-booleans"])
async def test_bent_messages(bench: Bench, fault: str) -> None:
    """A message can be reordered, doubled, large, wrong in a stream or in its booleans."""
    bench.simulator.faults.add(fault)
    channel = await bench.channel(LEVEL)
    bench.clock.advance(20)
    said = await message(channel)
    while not said["Items"]:
        said = await message(channel)
    found = times(said)
    assert {
        "reorder": found == sorted(found, reverse=True) and len(found) > 1,
        "duplicate": len(found) == 2 * len(set(found)) or len(found) > len(set(found)),
        BIG: len(str(said)) > 2_000_000,
        "stream-error": "Errors" in said["Items"][0] and not found,
        "text-booleans": all(item["Good"] in ("true", "false") for item in said["Items"][0]["Items"]),
    }[fault]


async def test_heartbeats_can_fail(bench: Bench) -> None:
    """Data still comes."""
    bench.simulator.faults.add("no-heartbeat@path=mute")
    mute = await bench.channel(LEVEL, heartbeatRate="1", who="mute")
    sound = await bench.channel(LEVEL, heartbeatRate="1")
    assert [await message(sound) for _ in range(5)] == [{"Links": {}, "Items": []}] * 5
    bench.clock.advance(10)
    assert (await message(mute))["Items"]
