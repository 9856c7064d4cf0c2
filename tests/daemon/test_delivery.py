from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli.processes import eventually, records, unfinished
from config.trees import small
from context.plants import surroundings
from daemon.plant_file import sink
from pibridge.config.load import configuration
from pibridge.config.loaded import Loaded
from pibridge.daemon.delivery import Delivery, sinks_of
from pibridge.daemon.tasks import Tasks
from pibridge.errors import ConfigurationError
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag
from pibridge.status.counters import Counters

TAG = Tag(stream="live", mode=Mode.REALTIME, name="A", path=r"\\PISRV1\A", web_id="I1DPA")
NOON = 17_000_000_000_000_000


class Dock:
    """A journal with deliveries from it."""

    def __init__(self, journal: Journal, number: int) -> None:
        self.journal = journal
        self.tasks = Tasks()
        self.counters = Counters()
        self.delivery = Delivery(journal, self.counters, self.tasks, lambda: NOON, lambda _: None)
        self._number = number

    async def say(self, *values: float) -> None:
        """Journal some values."""
        self.journal.append([Event(self._number, NOON, value) for value in values], NOON)
        await self.journal.flush()

    async def start(self, **sinks: Any) -> None:
        """Deliver to these, and let the others be forgotten."""
        loaded = Loaded.of(configuration(small(sinks=sinks), {}))
        await self.delivery.forget_all_but(sinks)
        await self.delivery.start(sinks_of(sinks, loaded), loaded, surroundings())


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    """Open a journal."""
    journal = await Journal.open(JournalSettings(path=tmp_path / "journal", max_size=16 << 20))
    dock = Dock(journal, (await journal.describe([TAG]))[0])
    yield dock
    await dock.delivery.end(1.0, 4.0)
    await journal.close()


async def test_a_new_sink_begins_where_it_says(dock: Dock, tmp_path: Path) -> None:
    """From what is retained, or from now, whichever its settings say."""
    await dock.say(1.0, 2.0)
    await dock.start(old=sink(tmp_path / "old"), new=sink(tmp_path / "new", **{"from": "now"}))
    await dock.say(3.0)
    await eventually(lambda: len(records(tmp_path / "old")) == 3 and records(tmp_path / "new"))
    assert [record["value"] for record in records(tmp_path / "new")] == [3.0]


async def test_a_sink_that_never_opened_is_owed_everything(dock: Dock, tmp_path: Path) -> None:
    """It is away from the first start on: the journal keeps what comes, and it gets all of it when it is back."""
    out = tmp_path / "out"
    out.write_text("in the way")
    await dock.start(local=sink(out))
    assert set(dock.journal.stat().lag) == {("local", lane) for lane in Lane}
    await dock.say(1.0, 2.0)
    assert dock.journal.stat().lag["local", Lane.LIVE] == 2
    out.unlink()
    await eventually(lambda: [record["value"] for record in records(out)] == [1.0, 2.0])


async def test_a_stop_completes_what_was_begun(dock: Dock, tmp_path: Path) -> None:
    """A file that would stay open for long is complete when the sink has been stopped; started again it goes on."""
    slow = sink(tmp_path / "out", roll={"age": "1h"})
    await dock.start(local=slow)
    await dock.say(1.0)
    await eventually(lambda: unfinished(tmp_path / "out"))
    await dock.delivery.stop(["local"])
    assert [record["value"] for record in records(tmp_path / "out")] == [1.0]
    await dock.say(2.0)
    await dock.start(local=slow)
    await eventually(lambda: unfinished(tmp_path / "out"))
    await dock.delivery.stop(["local"])
    assert sorted(record["value"] for record in records(tmp_path / "out")) == [1.0, 2.0]


async def test_a_sink_that_is_gone_is_forgotten(dock: Dock, tmp_path: Path) -> None:
    """Its cursors hold up nothing any more, and its counters begin anew if it comes back; the others stay."""
    await dock.start(stays=sink(tmp_path / "stays"), goes=sink(tmp_path / "goes"))
    dock.counters.sink("goes").delivered = 7
    await dock.delivery.stop(["goes"])
    await dock.delivery.forget_all_but({"stays"})
    assert set(dock.journal.stat().lag) == {("stays", lane) for lane in Lane}
    assert dock.counters.sink("goes").delivered == 0


async def test_a_delivery_that_fails_is_known(dock: Dock, tmp_path: Path) -> None:
    """What a pump dies of, such as a journal that fails, reaches who watches the tasks."""
    await dock.start(local=sink(tmp_path / "out"))
    await dock.journal.close()
    with pytest.raises(ExceptionGroup):
        await dock.tasks.died


def test_a_sink_that_cannot_be_made_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the sink itself finds wrong is known before anything is started."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    loaded = Loaded.of(configuration(small(sinks={"lake": {"type": "s3", "bucket": "acme"}}), {}))
    with pytest.raises(ConfigurationError, match=r"sinks\.lake\.region"):
        sinks_of(["lake"], loaded)
