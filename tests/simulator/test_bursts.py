from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.bursts import burst
from pibridge.simulator.faults import parse
from pibridge.simulator.plant import Plant
from simulator.bench import NOW, Bench, message


def test_a_burst_is_as_large_as_it_says() -> None:
    """So many events more, until now, on the numeric tags that it names."""
    plant = Plant(clock=lambda: NOW)
    before = len(plant.snapshots("R1.Level", NOW - PER_SECOND, NOW))
    burst(plant, parse("burst=500@tag=R1.Level", 1, 0.0))
    assert len(plant.snapshots("R1.Level", NOW - PER_SECOND, NOW)) == before + 500
    assert plant.archive("R1.Level", NOW - 11_000, NOW, NOW)


async def test_a_burst_reaches_the_channels(bench: Bench) -> None:
    """The fault writes by itself, and the next message has it."""
    channel = await bench.channel(r"\\PISRV1\R1.Level")
    bench.simulator.faults.add("burst=5000@tag=R1.Level")
    assert len((await message(channel))["Items"][0]["Items"]) == 5000
