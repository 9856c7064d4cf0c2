from collections.abc import AsyncIterator

import pytest

from pi.canned import settings_for
from pibridge.context.settings import BatchRule
from pibridge.daemon.finding import Finding
from pibridge.daemon.frame_checks import batch_findings, frame_finding
from pibridge.pi.client import PiClient
from pibridge.simulator import Simulator

PLANT = r"\\AF1\Plant"


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[PiClient]:
    """Give a client of the brewery."""
    async with PiClient(settings_for(simulator.url)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("database", "template", "level", "text"),
    [
        (PLANT, "unit batch", "fine", "template unit batch"),
        (PLANT, None, "fine", "7 templates"),
        (PLANT, "Reactor", "wrong", "no event frame template Reactor"),
        (r"\\AF1\Nowhere", "Batch", "wrong", r"\\AF1\Nowhere"),
    ],
)
async def test_templates_of_frames_are_looked_up(
    client: PiClient, database: str, template: str | None, level: str, text: str
) -> None:
    """Database and template must exist; a template of elements is none of frames."""
    finding = await frame_finding(client, "streams.f", database, template)
    assert (finding.level, text in finding.found) == (level, True)
    if template == "Reactor":
        assert (
            finding.hint == "there are: Batch, Fermenter Batch, Operation, Phase, Phase State, Recipe Step, Unit Batch"
        )


async def batches(client: PiClient, **source: object) -> Finding:
    """Give the finding about a batch rule."""
    rule = BatchRule.model_validate({"assets": "Plant/**", **source})
    (finding,) = [each async for each in batch_findings(client, {"r9": rule})]
    assert finding.about == "context.batches.r9"
    return finding


async def test_the_frames_of_a_batch_rule_are_looked_up(client: PiClient) -> None:
    """As those of a stream."""
    frames = {"database": PLANT, "template": "Unit Batch"}
    assert (await batches(client, event_frames=frames)).level == "fine"
    wrong = await batches(client, event_frames={**frames, "template": "Charge"})
    assert (wrong.level, "Unit Batch" in wrong.hint) == ("wrong", True)


@pytest.mark.parametrize(
    ("tag", "level"),
    [
        (r"\\PISRV1\R9.BatchID", "fine"),
        (r"\\PISRV1\R8.BatchID", "wrong"),
        (r"\\AF1\Plant\Area9\R9|BatchID", "fine"),
        (r"\\AF1\Plant\Area9\R9|Batch", "wrong"),
    ],
)
async def test_the_tag_of_a_batch_rule_is_looked_up(client: PiClient, tag: str, level: str) -> None:
    """Be it a point or an attribute."""
    finding = await batches(client, tag=tag)
    assert (finding.level, tag.upper() in finding.found.upper()) == (level, True)


async def test_one_rule_does_not_stop_the_others(client: PiClient, simulator: Simulator) -> None:
    """PI that fails for one rule is a finding about that rule."""
    simulator.faults.add("status=400@path=/assetdatabases")
    frames = BatchRule.model_validate({"assets": "A", "event_frames": {"database": PLANT, "template": "Batch"}})
    tag = BatchRule.model_validate({"assets": "B", "tag": r"\\PISRV1\R9.BatchID"})
    found = [each async for each in batch_findings(client, {"a": frames, "b": tag})]
    assert [finding.level for finding in found] == ["wrong", "fine"]
