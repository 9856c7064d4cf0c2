"""Plants to read."""

from collections.abc import AsyncIterator

import pytest

from pibridge.simulator import Simulator, SimulatorSettings


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Run a PI Web API that lets everybody in."""
    async with Simulator(SimulatorSettings(channel_interval_s=0.1, bulk_points=5, event_rate=5.0)) as running:
        yield running


@pytest.fixture
async def guarded() -> AsyncIterator[Simulator]:
    """Run a PI Web API that wants a name and a password."""
    settings = SimulatorSettings(users={r"CORP\svc": "right-horse"}, channel_interval_s=0.1)
    async with Simulator(settings) as running:
        yield running
