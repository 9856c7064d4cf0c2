from context.rules import by_frames, frame, timeline
from pibridge.context.assets import AssetMap
from pibridge.context.settings import AssetMapping
from pibridge.status.running import BatchQuery, RunningBatch, assets_of, running_batches
from status.stage import tag

PLANT = timeline(
    by_frames("Plant/Area1/*", valid=r"^B-\d+$"),
    frame("B-1", 10, 20),
    frame("Heat", 12, 18, template="Operation", parent="B-1"),
)
UNITS = ["Plant/Area1/R1", "Plant/Area1/R2", "Plant/Area2/R9"]


async def test_each_unit_says_what_runs() -> None:
    """With its levels and since when; assets that no rule speaks for are no units."""
    found = await running_batches(PLANT, UNITS, 13, BatchQuery())
    assert found.units == 2
    first = found.batches[0]
    assert first == RunningBatch(
        asset="Plant/Area1/R1",
        id="B-1",
        since="1970-01-01T00:00:00.0000010Z",
        valid=True,
        template="Unit Batch",
        name="B-1",
        levels=["Heat"],
    )
    assert (await running_batches(PLANT, UNITS, 30, BatchQuery())).running == 0


async def test_units_can_be_searched() -> None:
    """By asset or batch, in any case; so many are told at most, and counted all the same."""
    assert (await running_batches(PLANT, UNITS, 13, BatchQuery(q="b-1"))).running >= 1
    assert (await running_batches(PLANT, UNITS, 13, BatchQuery(q="no such"))).running == 0
    found = await running_batches(PLANT, UNITS, 13, BatchQuery(limit=1))
    assert len(found.batches) == 1


def test_assets_are_those_of_the_tags() -> None:
    """Each once: their own or the mapped ones."""
    mapped = AssetMap([AssetMapping(points=r"\\PISRV1\M*", asset="Mapped")])
    tags = [tag(1), tag(2), tag(15), tag(3, asset=None), tag(4, asset=None, path=r"\\PISRV1\M4")]
    assert assets_of(tags, mapped) == ["Mapped", "Plant/Unit0000", "Plant/Unit0001"]
