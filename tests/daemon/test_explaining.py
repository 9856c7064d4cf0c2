from pathlib import Path

import pytest
from msgspec import ValidationError

from delivery.shelves import opened
from inspection.scenes import loaded
from journal.samples import NOW, events
from pibridge.daemon.explaining import Explaining, ExplainQuery
from pibridge.daemon.intake import Intake
from pibridge.daemon.known import WhatIsKnown
from pibridge.daemon.tasks import Tasks
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.pi.client import PiClient
from pibridge.pi.settings import PiSettings
from pibridge.status.counters import Counters


async def test_a_value_is_explained_beside_the_daemon(tmp_path: Path) -> None:
    """With what only the daemon knows; what is no time is said."""
    told = loaded(tmp_path)
    async with opened(tmp_path) as dock:
        await dock.journal.commit(Lane.LIVE, events(1), NOW)
        intake = Intake(PiClient(PiSettings.model_validate({"url": "https://pi"})), dock.journal, Counters(), Tasks())
        explaining = Explaining(lambda: told, WhatIsKnown(dock.journal, intake, Counters()))
        found = await explaining.ask(ExplainQuery(tag="T1", at=ticks.render(NOW)))
        assert found.daemon
        assert [event.is_at for tag in found.tags for event in tag.events] == [True]
        with pytest.raises(ValidationError, match="noon: no time"):
            await explaining.ask(ExplainQuery(tag="T1", at="noon"))
