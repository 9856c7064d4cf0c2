"""The plants whose journals are audited."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intake.lines import Line, opened, plant_settings


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant that archives all, and an empty journal."""
    async with opened(tmp_path, plant_settings()) as ready:
        yield ready


@pytest.fixture
async def compressed(tmp_path: Path) -> AsyncIterator[Line]:
    """Give a plant whose archive discards values."""
    async with opened(tmp_path, plant_settings(compression=True, late_share=0.05, repeated_share=0.05)) as ready:
        yield ready
