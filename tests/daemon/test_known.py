from pathlib import Path

import pytest
from msgspec import MsgspecError, Raw

from journal.samples import opened
from pibridge.daemon.intake import Intake
from pibridge.daemon.known import WhatIsKnown
from pibridge.daemon.tasks import Tasks
from pibridge.inspection.explain import Known
from pibridge.pi.client import PiClient
from pibridge.pi.settings import PiSettings
from pibridge.status.counters import Counters


async def test_what_is_amiss_with_streams_and_sinks_is_told(tmp_path: Path) -> None:
    """How many channels are open, and the last error of each; nothing while all is well."""
    counters = Counters()
    async with opened(tmp_path) as journal:
        intake = Intake(PiClient(PiSettings.model_validate({"url": "https://pi"})), journal, counters, Tasks())
        known = WhatIsKnown(journal, intake, counters)
        stream = counters.stream("s")
        stream.is_resolved, stream.channels, stream.channels_open = True, 2, 2
        assert known.of([1]) == Known({}, {"s": ""})
        stream.channels_open, stream.last_error = 1, "503"
        assert await known.order(journal, Raw(b'{"numbers":[1,2]}')) == Known(
            {}, {"s": "1 of 2 channels are open: 503"}
        )
        counters.sink("lake").last_error = "no route"
        counters.sink("bus")
        assert known.of([3]).sinks == {"lake": "no route", "bus": ""}
        stream.last_error = ""
        assert known.of([3]).streams == {"s": "1 of 2 channels are open"}
        with pytest.raises(MsgspecError):
            await known.order(journal, Raw(b'{"tags":[]}'))
