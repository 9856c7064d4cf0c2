import asyncio
from collections.abc import AsyncIterator

import pytest

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.sinks.settings import SiteWiseSettings
from pibridge.sinks.sitewise.sync import ModelSync
from pibridge.sinks.sitewise.wanted import Wanted
from sinks.sitewise.account import RefusedError, Stream
from sinks.sitewise.double import Double, sitewise
from sinks.sitewise.samples import NOW_S
from sinks.sitewise.test_wanted import attribute, element, wanted


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    """Run SiteWise's double, in which everything takes a while."""
    async with sitewise(NOW_S, busy=2) as double:
        yield double


@pytest.fixture
async def sync(double: Double) -> AsyncIterator[ModelSync]:
    """Give what brings it up to date."""
    settings = SiteWiseSettings.model_validate({"type": "sitewise", "region": "eu-west-1", "endpoint_url": double.url})
    sync = ModelSync("sitewise", settings, "/houston/", pause=lambda: asyncio.sleep(0), requests_per_s=1e5)
    yield sync
    await sync.close()


def plant(*names: str, unit: str = "°C") -> Wanted:
    """Give what is wanted for reactors with these names."""
    elements = [element(name) for name in names]
    return wanted(
        *((each, [attribute(each, "T", unit=unit), attribute(each, "Size", plug_in="")]) for each in elements)
    )


async def done(sync: ModelSync, of: Wanted) -> list[str]:
    """Plan and do; give what could not be done."""
    plan = await sync.plan(of)
    problems = [problem async for each in sync.apply(plan, of) for problem in each.problems]
    return [*plan.problems, *problems]


async def test_the_second_time_there_is_nothing_to_do(double: Double, sync: ModelSync) -> None:
    """Models, assets, aliases are made once they can be; a plan changes nothing."""
    of = plant("R1", "R2")
    plan = await sync.plan(of)
    assert [(step.action, step.kind, step.name) for step in plan.steps] == [
        ("create", "model", "Reactor (Plant)"),
        ("create", "asset", "Plant/R1"),
        ("create", "asset", "Plant/R2"),
    ]
    assert double.account.changes == []
    assert await done(sync, of) == []
    assert sorted(double.account.streams) == [
        "/houston/Plant/R1/Size",
        "/houston/Plant/R1/T",
        "/houston/Plant/R2/Size",
        "/houston/Plant/R2/T",
    ]
    changes = list(double.account.changes)
    assert [step.action for step in (await sync.plan(of)).steps] == ["unchanged"] * 3
    assert await done(sync, of) == []
    assert double.account.changes == changes


async def test_what_is_new_in_af_is_added(double: Double, sync: ModelSync) -> None:
    """An element, an attribute and a unit; what was there keeps its ids."""
    await done(sync, plant("R1"))
    before = next(iter(double.account.models.values()))["assetModelProperties"][0]["id"]
    r1, r2 = element("R1"), element("R2")
    more = wanted((r1, [attribute(r1, "T", unit="K"), attribute(r1, "New")]), (r2, [attribute(r2, "T", unit="K")]))
    assert [(step.action, step.detail) for step in (await sync.plan(more)).to_do] == [
        ("update", "T in K, +New"),
        ("update", "1 aliases"),
        ("create", "1 aliases"),
    ]
    assert await done(sync, more) == []
    (model,) = double.account.models.values()
    assert [(each["name"], each.get("unit")) for each in model["assetModelProperties"]] == [
        ("T", "K"),
        ("Size", None),
        ("New", None),
    ]
    assert model["assetModelProperties"][0]["id"] == before
    assert (await sync.plan(more)).to_do == []


async def test_a_renamed_element_is_the_same_asset(double: Double, sync: ModelSync) -> None:
    """It gets its new name and aliases; no second asset is made."""
    await done(sync, plant("R1"))
    moved = element("R1")
    moved.path = r"\\AF1\Plant\Moved"
    assert await done(sync, wanted((moved, [attribute(moved, "T", unit="°C")]))) == []
    (asset,) = double.account.assets.values()
    assert asset["assetName"] == "Plant/Moved"
    assert double.account.streams["/houston/Plant/Moved/T"].property is not None


async def test_values_that_came_first_join_their_property(double: Double, sync: ModelSync) -> None:
    """A data stream that the sink has begun is taken over with its values."""
    for name in ("R1", "R2"):
        double.account.streams[f"/houston/Plant/{name}/T"] = Stream("DOUBLE", values={(1, "GOOD"): 1.0})
    assert await done(sync, plant("R1", "R2")) == []
    assert "associated /houston/Plant/R2/T" in double.account.changes
    assert double.account.values("/houston/Plant/R1/T") == [1.0]


async def test_one_alias_that_cannot_be_given_is_told(double: Double, sync: ModelSync) -> None:
    """A data stream of another type stays alone; the other properties get their aliases."""
    double.account.streams["/houston/Plant/R1/T"] = Stream("STRING")
    (problem,) = await done(sync, plant("R1"))
    assert problem.startswith("Plant/R1|T: cannot associate time series to asset property: InvalidRequestException")
    assert "/houston/Plant/R1/Size" in double.account.streams


async def test_throttling_is_waited_for(double: Double, sync: ModelSync) -> None:
    """A request that is throttled is made again."""
    double.refuses = [RefusedError(429, "ThrottlingException")]
    assert await done(sync, plant("R1")) == []


async def test_a_model_that_sitewise_cannot_make_is_told(double: Double, sync: ModelSync) -> None:
    """FAILED is an error with SiteWise's words, not something to wait for."""
    of = plant("R1")
    steps = sync.apply(await sync.plan(of), of)
    original = double.account.create_asset_model

    def failing(asked: dict[str, object]) -> dict[str, object]:
        said = original(asked)
        (model,) = double.account.models.values()
        error = {"code": "VALIDATION_ERROR", "message": "too much"}
        model["assetModelStatus"] = {"state": "FAILED", "error": error}
        return said

    double.account.create_asset_model = failing  # type: ignore[method-assign]  # the double is told to fail
    with pytest.raises(PIBridgeError, match=r"SiteWise failed to make Reactor \(Plant\): too much"):
        _ = [step async for step in steps]


async def test_refused_credentials_are_told(double: Double, sync: ModelSync) -> None:
    """With what to do."""
    double.keys = set()
    with pytest.raises(UnavailableError, match="renew the AWS credentials"):
        await sync.plan(plant("R1"))
