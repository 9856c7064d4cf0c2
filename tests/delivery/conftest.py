from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from delivery.shelves import Dock, opened
from pibridge.delivery import manifests, pump


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    """Give an empty journal and its pumps."""
    async with opened(tmp_path / "journal") as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # Failed writes are tried again after half a second and more; nobody waits for that here.
    monkeypatch.setattr(pump, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(pump, "_LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr(manifests, "_LOOK_S", 0.02)
    monkeypatch.setattr(manifests, "_GAPS_S", 0.02)
