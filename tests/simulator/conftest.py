from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from pibridge.simulator import Simulator, SimulatorSettings
from simulator.bench import Bench, Clock


@pytest.fixture
def clock() -> Clock:
    """Give the plant's time, which stands still until a test moves it."""
    return Clock()


@pytest.fixture
def settings() -> SimulatorSettings:
    """Give what the simulator is told; a test module may say otherwise."""
    return SimulatorSettings(channel_interval_s=0.02, repeated_share=0, late_share=0)


@pytest.fixture
async def bench(clock: Clock, settings: SimulatorSettings) -> AsyncIterator[Bench]:
    """Run a simulator and a client."""
    async with Simulator(settings, clock=clock) as simulator, ClientSession() as session:
        bench = Bench(simulator, clock, session)
        yield bench
        await bench.close()
