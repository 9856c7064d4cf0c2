"""What SiteWise's double holds: models, assets, data streams, and which values it takes, by the documented rules."""

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

OLDEST_S, NEWEST_S = 7 * 86400, 600
MOST_OF_A_SECOND = 10
TYPES = {"doubleValue": "DOUBLE", "integerValue": "INTEGER", "booleanValue": "BOOLEAN", "stringValue": "STRING"}
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class RefusedError(Exception):
    """An error of the API. `code`: its name."""

    def __init__(self, status: int, code: str, message: str = "the words of SiteWise") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass
class Stream:
    """A data stream. `values`: by time in ns and quality; `puts`: all that came, in order."""

    data_type: str
    property: tuple[str, str] | None = None
    values: dict[tuple[int, str], Any] = field(default_factory=dict)
    puts: list[tuple[int, str, Any]] = field(default_factory=list)
    seconds: Counter[tuple[int, str]] = field(default_factory=Counter)


@dataclass
class Account:
    """One account in one region. `busy`: how often a new thing says that it is being made."""

    now_s: float
    busy: int = 1
    takes_unknown_aliases: bool = True
    takes_nulls: bool = True
    doubles_take_integers: bool = True
    fails: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None
    """Of an entry: the error that it gets whatever it holds."""
    streams: dict[str, Stream] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    _waits: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def values(self, alias: str) -> list[Any]:
        """Give the values of a data stream in the order of time."""
        return [value for _, value in sorted(self.streams[alias].values.items(), key=lambda item: item[0])]

    def batch_put_asset_property_value(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take values; what is wrong with an entry is told in the answer."""
        entries = asked["entries"]
        if len(entries) > 10 or len({entry["entryId"] for entry in entries}) < len(entries):
            raise RefusedError(400, "InvalidRequestException", "entries")
        seen = [
            (entry["propertyAlias"], _nanos(value["timestamp"]), value.get("quality"))
            for entry in entries
            for value in entry["propertyValues"]
        ]
        if len(set(seen)) < len(seen):
            raise RefusedError(400, "InvalidRequestException", "duplicate timestamps")
        if any(len(entry["propertyValues"]) > 10 for entry in entries):
            raise RefusedError(400, "InvalidRequestException", "more than 10 values")
        assert asked["enablePartialEntryProcessing"] is True
        found = [(entry["entryId"], list(self._take_entry(entry))) for entry in entries]
        return {"errorEntries": [{"entryId": name, "errors": errors} for name, errors in found if errors]}

    def _take_entry(self, entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
        forced = self.fails(entry)
        if forced is not None:
            yield forced
            return
        for value in entry["propertyValues"]:
            try:
                self._take(entry["propertyAlias"], value)
            except RefusedError as error:
                yield {"errorCode": error.code, "errorMessage": str(error), "timestamps": [value["timestamp"]]}

    def _take(self, alias: str, value: dict[str, Any]) -> None:
        nanos, quality = _nanos(value["timestamp"]), value.get("quality", "GOOD")
        if not self.now_s - OLDEST_S <= nanos / 1e9 <= self.now_s + NEWEST_S:
            raise RefusedError(0, "TimestampOutOfRangeException")
        ((kind, said),) = value["value"].items()
        if kind == "nullValue" and (quality == "GOOD" or not self.takes_nulls):
            raise RefusedError(0, "InvalidRequestException", "null")
        if kind == "stringValue" and (len(said) > 1024 or CONTROL.search(said)):
            raise RefusedError(0, "InvalidRequestException", "text")
        if kind == "integerValue" and not -(1 << 31) <= said < 1 << 31:
            raise RefusedError(0, "InvalidRequestException", "integer")
        if alias not in self.streams and not self.takes_unknown_aliases:
            raise RefusedError(0, "ResourceNotFoundException", "no property has this alias")
        stream = self.streams.setdefault(alias, Stream(TYPES.get(kind, "DOUBLE")))
        is_widened = (kind, stream.data_type, self.doubles_take_integers) == ("integerValue", "DOUBLE", True)
        if kind != "nullValue" and TYPES[kind] != stream.data_type and not is_widened:
            raise RefusedError(0, "InvalidRequestException", "data type")
        if (nanos, quality) not in stream.values:
            second = nanos // 10**9, quality
            if stream.seconds[second] == MOST_OF_A_SECOND:
                raise RefusedError(0, "LimitExceededException")
            stream.seconds[second] += 1
        told = None if kind == "nullValue" else said
        stream.values[nanos, quality] = told
        stream.puts.append((nanos, quality, told))

    def create_bulk_import_job(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Start a job; names are unique."""
        if any(job["jobName"] == asked["jobName"] for job in self.jobs):
            raise RefusedError(409, "ResourceAlreadyExistsException")
        assert asked["errorReportLocation"]["prefix"].endswith("/")
        self.jobs.append(asked)
        return {"jobId": str(uuid.uuid4()), "jobName": asked["jobName"], "jobStatus": "PENDING"}

    def create_asset_model(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make a model; its name is unique."""
        if any(model["assetModelName"] == asked["assetModelName"] for model in self.models.values()):
            raise RefusedError(409, "ResourceAlreadyExistsException")
        model_id = str(uuid.uuid4())
        self.models[model_id] = {
            "assetModelId": model_id,
            "assetModelArn": f"arn:aws:iotsitewise:eu-west-1:123456789012:asset-model/{model_id}",
            "assetModelDescription": "-",
            "assetModelHierarchies": [],
            "assetModelCreationDate": 0,
            "assetModelLastUpdateDate": 0,
            **{key: value for key, value in asked.items() if key != "clientToken"},
        }
        self._keep_properties(model_id, asked["assetModelProperties"])
        return self._status(self.models[model_id], "assetModel", "CREATING")

    def update_asset_model(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Replace a model; a property that is left out would be gone with its data."""
        model = self._found(self.models, "assetModel", asked["assetModelId"])
        there = {each["id"]: each for each in model["assetModelProperties"]}
        for each in asked["assetModelProperties"]:
            was = there.pop(each.get("id"), None)
            if was is not None and (was["dataType"], was["type"]) != (each["dataType"], each["type"]):
                raise RefusedError(400, "InvalidRequestException", "the type of a property cannot change")
        assert not there, "properties are removed"
        self._keep_properties(model["assetModelId"], asked["assetModelProperties"])
        return {"assetModelStatus": self._status(model, "assetModel", "UPDATING")["assetModelStatus"]}

    def describe_asset_model(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tell about a model."""
        return self._described(self._found(self.models, "assetModel", asked["assetModelId"]), "assetModel")

    def create_asset(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make an asset of a model that is ready."""
        model = self._found(self.models, "assetModel", asked["assetModelId"])
        if model["assetModelStatus"]["state"] != "ACTIVE":
            raise RefusedError(409, "ConflictingOperationException")
        asset_id = str(uuid.uuid4())
        self.assets[asset_id] = {
            "assetId": asset_id,
            "assetArn": f"arn:aws:iotsitewise:eu-west-1:123456789012:asset/{asset_id}",
            "assetHierarchies": [],
            "assetCreationDate": 0,
            "assetLastUpdateDate": 0,
            **{key: value for key, value in asked.items() if key != "clientToken"},
            "assetModelId": model["assetModelId"],
        }
        return self._status(self.assets[asset_id], "asset", "CREATING")

    def update_asset(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rename an asset."""
        asset = self._found(self.assets, "asset", asked["assetId"])
        asset["assetName"] = asked["assetName"]
        return {"assetStatus": self._status(asset, "asset", "UPDATING")["assetStatus"]}

    def describe_asset(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tell about an asset; it has the properties of its model."""
        asset = self._described(self._found(self.assets, "asset", asked["assetId"]), "asset")
        owned = {stream.property: alias for alias, stream in self.streams.items()}
        properties = []
        for each in self.models[asset["assetModelId"]]["assetModelProperties"]:
            alias = owned.get((asset["assetId"], each["id"]))
            told = {key: each[key] for key in ("id", "name", "dataType", "unit") if key in each}
            properties.append(told | ({"alias": alias} if alias else {}))
        return {**asset, "assetProperties": properties}

    def update_asset_property(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Give a property its alias, which nothing else has."""
        alias, owner = asked["propertyAlias"], (asked["assetId"], asked["propertyId"])
        if alias in self.streams:
            raise RefusedError(409, "ConflictingOperationException", "the alias is taken")
        for stream in self.streams.values():
            stream.property = None if stream.property == owner else stream.property
        self.streams[alias] = Stream(self._property(owner)["dataType"], owner)
        self.changes.append(f"alias {alias}")
        return {}

    def associate_time_series_to_asset_property(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Give a data stream that came first to a property of the same type."""
        stream, owner = self.streams[asked["alias"]], (asked["assetId"], asked["propertyId"])
        if stream.property is not None or stream.data_type != self._property(owner)["dataType"]:
            raise RefusedError(400, "InvalidRequestException", "cannot associate")
        stream.property = owner
        self.changes.append(f"associated {asked['alias']}")
        return {}

    def list_time_series(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Give the data streams that belong to nobody, one a page."""
        assert asked["timeSeriesType"] == "DISASSOCIATED"
        prefix = asked.get("aliasPrefix", "")
        free = sorted(
            alias for alias, stream in self.streams.items() if stream.property is None and alias.startswith(prefix)
        )
        start = int(asked.get("nextToken", "0"))
        told = [
            {
                "alias": alias,
                "timeSeriesId": str(uuid.uuid4()),
                "dataType": self.streams[alias].data_type,
                "timeSeriesCreationDate": 0,
                "timeSeriesLastUpdateDate": 0,
                "timeSeriesArn": "arn:aws:iotsitewise:eu-west-1:123456789012:time-series/x",
            }
            for alias in free[start : start + 1]
        ]
        more = {"nextToken": str(start + 1)} if start + 1 < len(free) else {}
        return {"TimeSeriesSummaries": told, **more}

    def _property(self, owner: tuple[str, str]) -> dict[str, Any]:
        model = self.models[self.assets[owner[0]]["assetModelId"]]
        found: dict[str, Any] = next(each for each in model["assetModelProperties"] if each["id"] == owner[1])
        return found

    def _keep_properties(self, model_id: str, properties: list[dict[str, Any]]) -> None:
        self.models[model_id]["assetModelProperties"] = [{"id": str(uuid.uuid4()), **each} for each in properties]

    def _status(self, thing: dict[str, Any], kind: str, state: str) -> dict[str, Any]:
        thing[f"{kind}Status"] = {"state": state}
        self._waits[thing[f"{kind}Id"]] = self.busy
        self.changes.append(f"{kind} {thing[f'{kind}Name']} {state}")
        return {key: thing[key] for key in (f"{kind}Id", f"{kind}Arn", f"{kind}Status")}

    def _described(self, thing: dict[str, Any], kind: str) -> dict[str, Any]:
        told = {**thing, f"{kind}Status": dict(thing[f"{kind}Status"])}
        self._waits[thing[f"{kind}Id"]] -= 1
        if self._waits[thing[f"{kind}Id"]] < 0:
            thing[f"{kind}Status"] = told[f"{kind}Status"] = {"state": "ACTIVE"}
        return told

    def _found(self, things: dict[str, dict[str, Any]], kind: str, named: str) -> dict[str, Any]:
        external = named.removeprefix("externalId:")
        for thing in things.values():
            if named in (thing[f"{kind}Id"], f"externalId:{thing.get(f'{kind}ExternalId')}"):
                return thing
        raise RefusedError(404, "ResourceNotFoundException", f"no {kind} {external}")


def _nanos(timestamp: dict[str, int]) -> int:
    return timestamp["timeInSeconds"] * 10**9 + timestamp.get("offsetInNanos", 0)
