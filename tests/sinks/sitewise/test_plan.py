from typing import Any

from pibridge.sinks.sitewise.plan import asset_step, definition, model_step
from pibridge.sinks.sitewise.wanted import Asset, Model, Property

LEVEL = Property("Level", "DOUBLE", "%", is_static=False)
SERIAL = Property("Serial", "STRING", "", is_static=True)
WANTED = Model("pibridge:model:1", "Reactor (Plant)", "Template", {"Level": LEVEL, "Serial": SERIAL})
ASSET = Asset("pibridge:asset:1", "Plant/R1", "path", "pibridge:model:1", {"Level": "/R1/Level"})


def there(*properties: dict[str, Any]) -> dict[str, Any]:
    """Give a model as SiteWise describes it."""
    return {
        "assetModelId": "m1",
        "assetModelName": "renamed by hand",
        "assetModelDescription": "by hand",
        "assetModelProperties": [{"id": each["name"], **each} for each in properties],
        "assetModelHierarchies": [{"name": "children", "childAssetModelId": "m2"}],
    }


def test_a_new_model_is_made_and_an_equal_one_left_alone() -> None:
    """With all properties; the second time there is nothing to do."""
    step = model_step(WANTED, None, [])
    assert (step.action, step.name, step.detail) == ("create", "Reactor (Plant)", "2 properties")
    assert model_step(WANTED, there(definition(LEVEL), definition(SERIAL)), []).action == "unchanged"


def test_a_model_gets_what_it_lacks_and_loses_nothing() -> None:
    """New properties and units; what others have added, and what they have named, stays."""
    own = {"name": "Efficiency", "dataType": "DOUBLE", "type": {"metric": {}}}
    step = model_step(WANTED, there({**definition(LEVEL), "unit": "mm"}, own), [])
    assert (step.action, step.detail) == ("update", "Level in %, +Serial")
    assert step.request is not None
    assert step.request["assetModelName"] == "renamed by hand"
    assert [each["name"] for each in step.request["assetModelProperties"]] == ["Level", "Efficiency", "Serial"]
    assert step.request["assetModelProperties"][0] == {"id": "Level", **definition(LEVEL)}
    assert step.request["assetModelHierarchies"] == there()["assetModelHierarchies"]


def test_a_type_that_cannot_be_changed_is_told() -> None:
    """SiteWise keeps the type of a property for ever."""
    problems: list[str] = []
    changed = {**definition(LEVEL), "dataType": "INTEGER"}
    assert model_step(WANTED, there(changed, definition(SERIAL)), problems).action == "unchanged"
    (problem,) = problems
    assert "Level is measurement of INTEGER in SiteWise and measurement of DOUBLE in AF" in problem


def test_an_asset_is_made_renamed_and_named() -> None:
    """What differs is told: the name, and how many aliases."""
    model = there(definition(LEVEL))
    described = {"assetId": "a1", "assetName": "Plant/R1", "assetModelId": "m1"}
    alone = {"name": "Level"}
    assert asset_step(ASSET, None, None, []).detail == "1 aliases"
    assert asset_step(ASSET, {**described, "assetProperties": [alone]}, model, []).detail == "1 aliases"
    well = {**described, "assetProperties": [{**alone, "alias": "/R1/Level"}]}
    assert asset_step(ASSET, well, model, []).action == "unchanged"
    renamed = asset_step(ASSET, {**well, "assetName": "Plant/Old"}, model, [])
    assert (renamed.action, renamed.detail) == ("update", "was Plant/Old")


def test_an_asset_of_another_model_is_told() -> None:
    """An asset keeps its model for ever."""
    problems: list[str] = []
    other = {"assetId": "a1", "assetName": "Plant/R1", "assetModelId": "m9", "assetProperties": []}
    assert asset_step(ASSET, other, there(), problems).action == "unchanged"
    assert "of another model in SiteWise; delete the asset" in problems[0]
