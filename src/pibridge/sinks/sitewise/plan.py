"""What is to be done so that SiteWise has the models and assets that are wanted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pibridge.sinks.sitewise.wanted import Asset, Model, Property

Described = Mapping[str, Any]
"""What SiteWise says of a model or an asset."""


@dataclass(frozen=True)
class Step:
    """One thing to do. `detail`: what it changes. `request`: the whole model, of one that is updated."""

    action: Literal["create", "update", "unchanged"]
    kind: Literal["model", "asset"]
    external_id: str
    name: str
    detail: str = ""
    request: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they are done: models before assets. `problems`: what is left as it is."""

    steps: list[Step]
    problems: list[str]

    @property
    def to_do(self) -> list[Step]:
        """The steps that change anything."""
        return [step for step in self.steps if step.action != "unchanged"]


def model_step(wanted: Model, there: Described | None, problems: list[str]) -> Step:
    """Compare a model with what SiteWise has. Nothing is ever removed: with a property its data would go."""
    if there is None:
        return Step("create", "model", wanted.external_id, wanted.name, f"{len(wanted.properties)} properties")
    present = {each["name"]: dict(each) for each in there["assetModelProperties"]}
    changes: list[str] = []
    for name, each in wanted.properties.items():
        if name not in present:
            present[name] = definition(each)
            changes.append(f"+{name}")
            continue
        was = present[name]
        kind = "attribute" if each.is_static else "measurement"
        if was["dataType"] != each.data_type or kind not in was["type"]:
            problems.append(
                f"{wanted.name}: {name} is {next(iter(was['type']))} of {was['dataType']} in SiteWise and {kind} of"
                f" {each.data_type} in AF; SiteWise cannot change it, so it stays"
            )
        elif each.unit and was.get("unit") != each.unit:
            was["unit"] = each.unit
            changes.append(f"{name} in {each.unit}")
    if not changes:
        return Step("unchanged", "model", wanted.external_id, wanted.name)
    request = {
        "assetModelId": there["assetModelId"],
        "assetModelExternalId": wanted.external_id,
        "assetModelName": there["assetModelName"],
        "assetModelDescription": there["assetModelDescription"] or wanted.description,
        "assetModelProperties": list(present.values()),
        "assetModelHierarchies": there["assetModelHierarchies"],
        "assetModelCompositeModels": there.get("assetModelCompositeModels", []),
    }
    return Step("update", "model", wanted.external_id, wanted.name, ", ".join(changes), request)


def asset_step(wanted: Asset, there: Described | None, model: Described | None, problems: list[str]) -> Step:
    """Compare an asset with what SiteWise has. `model`: what SiteWise says of its model."""
    if there is None:
        return Step("create", "asset", wanted.external_id, wanted.name, f"{len(wanted.aliases)} aliases")
    if model is not None and there["assetModelId"] != model["assetModelId"]:
        problems.append(f"{wanted.name}: is of another model in SiteWise; delete the asset there to have it made anew")
        return Step("unchanged", "asset", wanted.external_id, wanted.name)
    changes = [] if there["assetName"] == wanted.name else [f"was {there['assetName']}"]
    present = {each["name"]: each.get("alias") for each in there["assetProperties"]}
    aliases = sum(present.get(name) != alias for name, alias in wanted.aliases.items())
    changes += [f"{aliases} aliases"] if aliases else []
    action: Literal["update", "unchanged"] = "update" if changes else "unchanged"
    return Step(action, "asset", wanted.external_id, wanted.name, ", ".join(changes))


def definition(wanted: Property) -> dict[str, Any]:
    """Give a property as the API defines it."""
    kind = "attribute" if wanted.is_static else "measurement"
    unit = {"unit": wanted.unit} if wanted.unit else {}
    return {"name": wanted.name, "dataType": wanted.data_type, "type": {kind: {}}, **unit}
