import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from pibridge.context.record import Record, json_lines
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.model.event import Lane
from pibridge.sinks import build
from pibridge.sinks.contract import Bounds, Sink, start_of
from pibridge.sinks.formats import FORMATS
from pibridge.sinks.settings import FileSettings, S3Settings, SinkSettings
from sinks.batches import ListedBatch, deliver, values
from sinks.far_sides import SITE, Bucket, FarSide, Folder, Store
from sinks.read_back import Row, rows_of, written


def at_rest(far_side: FarSide, lane: Lane = Lane.LIVE) -> list[Row]:
    """Give the records of all files of a lane, in the order of their names' positions."""
    files = {name: data for name, data in far_side.held().items() if f"/{lane}-" in name}
    in_order = sorted(files, key=lambda name: int(name.split("-")[-2]))
    return [row for name in in_order for row in rows_of(name, files[name])]


@pytest.fixture(params=["file", "s3"])
def far_side(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> FarSide:
    """Give each far side of a sink that writes files."""
    if request.param == "file":
        return Folder(tmp_path / "out")
    return Bucket(store, "contract")


@pytest.fixture(params=FORMATS)
async def sink(request: pytest.FixtureRequest, far_side: FarSide) -> AsyncIterator[Sink]:
    """Give an open sink of each format."""
    sink = far_side.sink(request.param)
    await sink.open()
    yield sink
    await sink.close()


@pytest.fixture
async def plain_sink(far_side: FarSide) -> AsyncIterator[Sink]:
    """Give an open sink of plain lines, where the format changes nothing."""
    sink = far_side.sink("jsonl")
    await sink.open()
    yield sink
    await sink.close()


async def test_every_record_is_at_rest_once_and_in_order(sink: Sink, far_side: FarSide) -> None:
    """Files of a lane, one after the other, are its records: none missing, none twice, in order."""
    records = values(1, 6000)
    bounds = await deliver(sink, records)
    assert len(bounds) > 1
    assert at_rest(far_side) == written(records)


async def test_a_batch_tried_again_replaces_itself(sink: Sink, far_side: FarSide) -> None:
    """The same sealed batch, handed over in other parts, gives the same name and the same bytes."""
    records = values(1, 2000)
    bounds = await deliver(sink, records, part=250)
    once = far_side.held()
    for sealed in bounds:
        await sink.write(ListedBatch(values(sealed.first, 3000), part=7, sealed=sealed))
    assert far_side.held() == once


async def test_a_sealed_batch_is_taken_whole(plain_sink: Sink, far_side: FarSide) -> None:
    """A batch that an earlier try has sealed ends at its bounds, also when it is larger than a file may be now."""
    records = values(11, 990)
    await plain_sink.write(ListedBatch(records, sealed=Bounds(Lane.LIVE, 11, 1000, "2026-03-09")))
    assert far_side.held() == {"dt=2026-03-09/live-11-1000.jsonl": json_lines(records)}


async def test_nothing_has_a_name_before_its_bounds_are_fixed(sink: Sink, far_side: FarSide) -> None:
    """When the batch is sealed, nothing is there under a final name yet; afterwards one file is."""
    named_before: list[str] = []

    class Watched(ListedBatch):
        async def seal(self) -> Bounds:
            named_before.extend(far_side.held())
            return await super().seal()

    log: list[str] = []
    await sink.write(Watched(values(1, 50), log=log))
    assert log == ["sealed"]
    assert named_before == []
    assert len(far_side.held()) == 1


async def test_an_outage_loses_nothing(plain_sink: Sink, far_side: FarSide) -> None:
    """While the far side is gone, writing raises UnavailableError with a hint; once it is back, the batch arrives."""
    before, during = values(1, 10), values(11, 10)
    await plain_sink.write(ListedBatch(before))
    far_side.fail()
    batch = ListedBatch(during)
    try:
        with pytest.raises(UnavailableError) as writing:
            await plain_sink.write(batch)
    finally:
        far_side.recover()
    assert writing.value.hint
    await plain_sink.open()
    await plain_sink.write(ListedBatch(during, sealed=batch.sealed))
    assert at_rest(far_side) == written(before + during)


async def test_opening_again_harms_nothing(plain_sink: Sink, far_side: FarSide) -> None:
    """A sink may be opened twice, also while it writes."""
    records = values(1, 300)

    class Reopening(ListedBatch):
        async def seal(self) -> Bounds:
            await plain_sink.open()
            return await super().seal()

    await plain_sink.open()
    await plain_sink.write(Reopening(records, part=300))
    assert at_rest(far_side) == written(records)


async def test_a_cancelled_write_leaves_nothing_behind(far_side: FarSide) -> None:
    """A write that is cancelled while it waits for records gives no name; the batch tried again arrives whole."""
    sink = far_side.sink("jsonl.zst", roll_bytes=1 << 20)
    await sink.open()
    records = values(1, 400)
    waits = asyncio.Event()

    class Stuck(ListedBatch):
        async def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
            yield records[:200]
            waits.set()
            await asyncio.Event().wait()

    writing = asyncio.create_task(sink.write(Stuck(records)))
    await waits.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert far_side.held() == {}
    await deliver(sink, records)
    assert at_rest(far_side) == written(records)
    await sink.close()


async def test_both_lanes_write_at_the_same_time(plain_sink: Sink, far_side: FarSide) -> None:
    """The lanes share a sink without meeting each other's files."""
    live, history = values(1, 1000), values(1, 1000, Lane.HISTORY)
    await asyncio.gather(deliver(plain_sink, live), deliver(plain_sink, history))
    assert at_rest(far_side, Lane.LIVE) == written(live)
    assert at_rest(far_side, Lane.HISTORY) == written(history)


async def test_the_day_is_that_of_the_first_record(plain_sink: Sink, far_side: FarSide) -> None:
    """Records from before and after midnight stay together, in the partition of the first."""
    around_midnight = values(12 * 3600 - 5, 10)
    await plain_sink.write(ListedBatch(around_midnight))
    assert list(far_side.held()) == ["dt=2026-03-09/live-43195-43204.jsonl"]


async def test_a_probe_leaves_no_records(far_side: FarSide) -> None:
    """Probing says what was tried and leaves nothing that a reader of records would find."""
    sink = far_side.sink("jsonl")
    assert "wrote" in await sink.probe()
    assert far_side.held() == {}
    await sink.close()


async def test_a_closed_sink_can_be_opened(plain_sink: Sink, far_side: FarSide) -> None:
    """Closing twice is no error, and a closed sink works again once it is open."""
    await plain_sink.close()
    await plain_sink.close()
    await plain_sink.open()
    await plain_sink.write(ListedBatch(values(1, 10)))
    assert at_rest(far_side) == written(values(1, 10))


@pytest.mark.parametrize(
    "settings", [FileSettings(type="file", format="parquet"), S3Settings(type="s3", bucket="acme", format="parquet")]
)
def test_parquet_needs_its_extra(settings: SinkSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyarrow is not installed, `parquet` is wrong configuration that says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"^sinks\.lake\.format: .*pip install 'pibridge\[parquet\]'$"):
        build("lake", settings, SITE)


def test_only_sinks_of_aws_load_its_libraries() -> None:
    """A process without such a sink does not pay for them."""
    code = (
        "import sys; from pibridge.sinks import build; from pibridge.sinks.settings import FileSettings; "
        "build('f', FileSettings(type='file'), 'houston'); sys.exit(bool({'awscrt', 'botocore'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_replay_is_not_taken_for_history_that_starts_at_the_same_place() -> None:
    """A sink that remembers a batch that failed does not take another one for it."""
    bounds = Bounds(Lane.HISTORY, 1, 3, "2026-03-09", "20260310T080000")
    assert start_of(ListedBatch(values(1, 3))) == (1, "")
    assert start_of(ListedBatch(values(1, 3), sealed=bounds)) == (1, "20260310T080000")
