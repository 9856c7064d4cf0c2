"""What sinks leave at rest, asked by DuckDB as analysts do: the same events, in every format, by the real road."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import duckdb
import pytest

from context.plants import surroundings
from delivery.shelves import Dock, Shelf, opened
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.sinks.contract import Sink
from pibridge.sinks.formats import FORMATS
from sinks.far_sides import Bucket, FarSide, Folder, Store
from sinks.plant_records import FRAME, NOON, every_kind
from sinks.read_back import Row, queried, written
from waiting import eventually, running

DAYS = [NOON, ticks.parse("2026-03-10T23:59:57.1234567Z")]
"""When events begin; the second time they go on into the next day."""
RULE = {"assets": "Plant/Area1/*", "event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """Run moto's server."""
    store = Store()
    yield store
    store.client.close()
    store.stop()


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    """Give an empty journal; a batch runs on R1."""
    async with opened(tmp_path / "journal") as dock:
        dock.around = surroundings(batches={"area1": RULE}, hold=0)
        dock.around.timeline.take_frames(r"\\AF1\Plant", [FRAME], [])
        yield dock


async def delivered(dock: Dock, sink: Sink) -> list[Row]:
    """Have all kinds of events of both lanes delivered, day after day; give what another sink got."""
    records = every_kind()
    tags = {record.context.tag.key: record.context.tag for record in records}
    numbers = dict(zip(tags, await dock.journal.describe(list(tags.values())), strict=True))
    shelf = Shelf()
    async with running(dock.pump(sink, "lake").run(), dock.pump(shelf, "shelf").run()):
        for start in DAYS:
            for lane in Lane:
                events = [
                    Event(numbers[record.context.tag.key], told.ticks - NOON + start, told.value, told.status)
                    for record in records
                    if (told := record.event) and (lane is Lane.LIVE or record.context.tag.kind == "value")
                ]
                await dock.journal.commit(lane, events, start)
            await eventually(lambda: dock.lag("lake") == dock.lag("shelf") == 0, 60)
    kept = [record for batch in shelf.kept.values() for record in batch]
    return written(sorted(kept, key=lambda record: record.seq))


def at_rest(far_side: FarSide, folder: Path) -> Path:
    """Give a folder with what is at rest."""
    for name, data in far_side.held().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.mark.parametrize("format_name", FORMATS)
async def test_files_are_a_table_of_the_same_events(dock: Dock, tmp_path: Path, format_name: str) -> None:
    """All types, states, errors, deletions, frames and batches of both lanes come back, in partitions by day."""
    sink = Folder(tmp_path / "out").sink(format_name)
    expected = await delivered(dock, sink)
    assert len(expected) == 2 * (21 + 17)
    assert {row.get("batch", {}).get("id") for row in expected} == {None, "B-1001"}
    _is_a_table_of(tmp_path / "out", format_name, expected)


async def test_objects_are_a_table_of_the_same_events(
    dock: Dock, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same from a bucket, as Parquet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-no-use")
    bucket = Bucket(store, "lake")
    expected = await delivered(dock, bucket.sink("parquet"))
    _is_a_table_of(at_rest(bucket, tmp_path / "copied"), "parquet", expected)


async def test_an_analyst_asks_parquet(dock: Dock, tmp_path: Path) -> None:
    """Numbers are numbers, times are times, a batch and its levels are columns."""
    await delivered(dock, Folder(tmp_path / "out").sink("parquet"))
    with duckdb.connect() as database:
        (found,) = database.execute(
            """
            SELECT avg(value_number), min(epoch_us(ts)), count(*) FILTER (quality = 'good'), any_value(asset.template)
            FROM read_parquet(? || '/*/*.parquet', hive_partitioning = true)
            WHERE dt = DATE '2026-03-09' AND batch.id = 'B-1001' AND value_number BETWEEN 0 AND 100 AND lane = 'live'
            """,
            [str(tmp_path / "out")],
        ).fetchall()
    assert found == ((5 + (0.1 + 0.2)) / 2, (NOON + ticks.PER_SECOND) // 10, 1, "Reactor")


def _is_a_table_of(folder: Path, format_name: str, expected: list[Row]) -> None:
    rows = queried(folder, format_name)
    days = {row["seq"]: row.pop("dt") for row in rows}
    assert rows == expected
    assert set(days.values()) == {"2026-03-09", "2026-03-10"}
    first = {int(path.name.split("-")[1]): path.parent.name for path in folder.glob(f"dt=*/*.{format_name}")}
    assert first == {seq: f"dt={days[seq]}" for seq in first}
