"""Asset models and assets of SiteWise, made and changed as planned."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiolimiter import AsyncLimiter
from botocore.exceptions import BotoCoreError, ClientError

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.sinks.settings import SiteWiseSettings
from pibridge.sinks.sitewise.client import Clients, code_of, unavailable
from pibridge.sinks.sitewise.outcomes import NOT_FOUND
from pibridge.sinks.sitewise.plan import Plan, Step, asset_step, definition, model_step
from pibridge.sinks.sitewise.wanted import Asset, Model, Wanted

_TRIES: Final = 8
_REQUESTS_PER_S: Final = 5
"""Half of what an account may ask for; others want to work there, too."""
_LOOKS: Final = 300
_ALLOW: Final = "allow the actions of `pibridge sitewise sync` in docs/sinks/sitewise.md"


@dataclass(frozen=True)
class Done:
    """A step that was done. `problems`: what could not be."""

    step: Step
    problems: list[str]


class ModelSync:
    """Brings SiteWise's models and assets up to what is wanted. `pause`: between two looks at what is being made."""

    def __init__(
        self,
        name: str,
        settings: SiteWiseSettings,
        beginning: str,
        *,
        pause: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(1.0),
        requests_per_s: float = _REQUESTS_PER_S,
    ) -> None:
        self._clients = Clients(name, settings.region, tries=_TRIES)
        self._url = settings.endpoint_url
        self._beginning = beginning
        self._pause = pause
        self._pace = AsyncLimiter(1, 1 / requests_per_s)
        self._unowned: set[str] | None = None
        self._units: dict[str, Mapping[str, str | None]] = {}

    async def plan(self, wanted: Wanted) -> Plan:
        """Compare what is wanted with what is there. Changes nothing. Raises UnavailableError."""
        problems = [str(problem) for problem in wanted.problems]
        steps: list[Step] = []
        models: dict[str, Mapping[str, Any] | None] = {}
        for model in wanted.models.values():
            there = models[model.external_id] = await self._model(model.external_id)
            steps.append(model_step(model, there, problems))
        for asset in wanted.assets.values():
            there = await self._asset(asset.external_id)
            steps.append(asset_step(asset, there, models[asset.model], problems))
        return Plan(steps, problems)

    async def apply(self, plan: Plan, wanted: Wanted) -> AsyncIterator[Done]:
        """Do what is planned, step by step. Raises UnavailableError and PIBridgeError; what was done stays."""
        for step in plan.to_do:
            if step.kind == "model":
                yield Done(step, await self._make_model(step, wanted.models[step.external_id]))
            else:
                yield Done(step, await self._make_asset(step, wanted.assets[step.external_id]))

    async def close(self) -> None:
        """Let go of connections."""
        await self._clients.close()

    async def _make_model(self, step: Step, model: Model) -> list[str]:
        if step.request is not None:
            await self._ask("update_asset_model", **step.request)
        else:
            await self._ask(
                "create_asset_model",
                assetModelName=model.name,
                assetModelExternalId=model.external_id,
                assetModelDescription=model.description,
                assetModelProperties=[definition(each) for each in model.properties.values()],
            )
        await self._ready(self._model, model.external_id, model.name, "assetModelStatus")
        return []

    async def _make_asset(self, step: Step, asset: Asset) -> list[str]:
        if step.action == "create":
            await self._ask(
                "create_asset",
                assetName=asset.name,
                assetModelId=f"externalId:{asset.model}",
                assetExternalId=asset.external_id,
                assetDescription=asset.description,
            )
        there = await self._ready(self._asset, asset.external_id, asset.name, "assetStatus")
        if there["assetName"] != asset.name:
            description = {"assetDescription": asset.description}
            await self._ask("update_asset", assetId=there["assetId"], assetName=asset.name, **description)
            there = await self._ready(self._asset, asset.external_id, asset.name, "assetStatus")
        problems: list[str] = []
        units = await self._units_of(asset.model)
        for each in there["assetProperties"]:
            alias = asset.aliases.get(each["name"])
            if alias is not None and each.get("alias") != alias:
                try:
                    await self._name(there["assetId"], each, alias, units.get(each["name"]))
                except UnavailableError as error:
                    problems.append(f"{asset.name}|{each['name']}: {error}")
        return problems

    async def _name(self, asset_id: str, there: Mapping[str, Any], alias: str, unit: str | None) -> None:
        """Give a property its alias; values that came under it before belong to the property then.

        `unit`: of the model.
        """
        if self._unowned is None:
            self._unowned = await self._unowned_aliases()
        if alias in self._unowned:
            await self._ask(
                "associate_time_series_to_asset_property", alias=alias, assetId=asset_id, propertyId=there["id"]
            )
            return
        # The request replaces the state of notifications, and the unit if it is another one than the model's, too.
        state = there.get("notification", {}).get("state")
        kept = {"propertyNotificationState": state} if state else {}
        kept |= {"propertyUnit": there["unit"]} if there.get("unit") not in (None, unit) else {}
        await self._ask("update_asset_property", assetId=asset_id, propertyId=there["id"], propertyAlias=alias, **kept)

    async def _units_of(self, model: str) -> Mapping[str, str | None]:
        if model not in self._units:
            there = await self._model(model) or {"assetModelProperties": []}
            self._units[model] = {each["name"]: each.get("unit") for each in there["assetModelProperties"]}
        return self._units[model]

    async def _unowned_aliases(self) -> set[str]:
        found: set[str] = set()
        asked: dict[str, Any] = {"timeSeriesType": "DISASSOCIATED", "maxResults": 250}
        if self._beginning:
            asked["aliasPrefix"] = self._beginning
        while True:
            page = await self._ask("list_time_series", **asked)
            found |= {each["alias"] for each in page["TimeSeriesSummaries"] if "alias" in each}
            if not page.get("nextToken"):
                return found
            asked["nextToken"] = page["nextToken"]

    async def _model(self, external_id: str) -> Mapping[str, Any] | None:
        return await self._if_there("describe_asset_model", assetModelId=f"externalId:{external_id}")

    async def _asset(self, external_id: str) -> Mapping[str, Any] | None:
        return await self._if_there("describe_asset", assetId=f"externalId:{external_id}")

    async def _ready(
        self, look: Callable[[str], Awaitable[Mapping[str, Any] | None]], external_id: str, name: str, status: str
    ) -> Mapping[str, Any]:
        """Wait until SiteWise has made or changed something; give what it says of it."""
        for _ in range(_LOOKS):
            there = await look(external_id)
            state = there[status]["state"] if there is not None else "CREATING"
            if there is not None and state == "ACTIVE":
                return there
            if there is not None and state == "FAILED":
                said = there[status].get("error", {}).get("message", "")
                raise PIBridgeError(f"SiteWise failed to make {name}: {said}", hint="look at it in SiteWise")
            await self._pause()
        raise UnavailableError(f"SiteWise is still busy with {name}", hint="run the command again later")

    async def _if_there(self, operation: str, **asked: Any) -> Mapping[str, Any] | None:
        try:
            return await self._call(operation, asked)
        except (BotoCoreError, ClientError) as error:
            if code_of(error) == NOT_FOUND:
                return None
            raise unavailable(operation.replace("_", " "), error, allow=_ALLOW) from None

    async def _ask(self, operation: str, **asked: Any) -> Mapping[str, Any]:
        try:
            return await self._call(operation, asked)
        except (BotoCoreError, ClientError) as error:
            raise unavailable(operation.replace("_", " "), error, allow=_ALLOW) from None

    async def _call(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._pace.acquire()
        client = await self._clients.of("iotsitewise", self._url)
        answer: Mapping[str, Any] = await getattr(client, operation)(**asked)
        return answer
