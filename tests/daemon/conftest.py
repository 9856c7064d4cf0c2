"""A plant to read."""

from collections.abc import AsyncIterator

import pytest

from pibridge.simulator import Simulator, SimulatorSettings


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Run a PI Web API that lets everybody in."""
    async with Simulator(SimulatorSettings(channel_interval_s=0.1)) as running:
        yield running


@pytest.fixture
async def busy() -> AsyncIterator[Simulator]:
    """Run one whose generic points say much, keep all of it, and tell nothing late or twice."""
    settings = SimulatorSettings(
        compression=False, bulk_points=10, event_rate=5.0, channel_interval_s=0.1, late_share=0.0, repeated_share=0.0
    )
    async with Simulator(settings) as running:
        yield running
