"""The `burst` fault: more events at once than a plant makes."""

import asyncio
from itertools import cycle, islice

from pibridge.simulator.faults import Fault, Faults, Kind
from pibridge.simulator.plant import Plant
from pibridge.simulator.samples import Sample
from pibridge.simulator.times import on_grid

_GAP_TICKS = 10_000
_NUMERIC = frozenset({"Float16", "Float32", "Float64"})


async def flood(plant: Plant, faults: Faults, interval_s: float) -> None:
    """Look for bursts that are due, for ever."""
    looked = faults.clock()
    while True:
        await asyncio.sleep(interval_s)
        since, looked = looked, faults.clock()
        fault = faults.channel(Kind.BURST, since, "")
        if fault is not None:
            burst(plant, fault)


def burst(plant: Plant, fault: Fault) -> None:
    """Write the fault's number of events, a millisecond apart and until now, on the tags that it concerns in turn."""
    points = [each for each in plant.points.values() if each.type in _NUMERIC and fault.concerns(tag=each.path)]
    count = int(fault.number_value)
    first = plant.clock() - count * _GAP_TICKS
    for number, point in enumerate(islice(cycle(points), count)):
        plant.insert(point, Sample(on_grid(first + number * _GAP_TICKS), float(number)))
