"""What parts of the configuration say of each other."""

import os
import re
from pathlib import Path
from typing import Any, Final

from pibridge.config.problems import Problem
from pibridge.config.settings import Configuration
from pibridge.sinks.settings import (
    BulkImportSettings,
    FileSettings,
    IotCoreSettings,
    MqttSettings,
    S3Settings,
    SinkSettings,
    SiteWiseSettings,
    client_ids,
)

_PLACES: Final = {
    "file": ("path",),
    "s3": ("prefix",),
    "sitewise": ("bulk_import", "prefix"),
    "iot_core": ("client_id",),
    "mqtt": ("client_id",),
}
"""The key that says where a sink writes, or as whom."""


def unknown_streams(tree: dict[str, Any]) -> list[Problem]:
    """Give a problem for each stream that a filter names and that is not there. Takes a tree with other faults, too."""
    streams = tree.get("streams")
    if not isinstance(streams, dict):
        return []
    sinks = tree.get("sinks")
    filters: list[tuple[tuple[str, ...], Any]] = [(("filter",), tree.get("filter"))]
    if isinstance(sinks, dict):
        filters += [
            (("sinks", name, "filter"), sink.get("filter")) for name, sink in sinks.items() if isinstance(sink, dict)
        ]
    return [
        Problem((*path, "streams", place), f"no stream is named {name}; there are {', '.join(streams)}")
        for path, keys in filters
        if isinstance(keys, dict) and isinstance(keys.get("streams"), list)
        for place, name in enumerate(keys["streams"])
        if isinstance(name, str) and name not in streams
    ]


def remote_ways(configuration: Configuration) -> list[Problem]:
    """Give a problem if `remote` names no sink that has a connection to share the settings of."""
    remote, sinks = configuration.remote, configuration.sinks
    fit = [name for name, sink in sinks.items() if sink.type in ("iot_core", "mqtt", "greengrass_local")]
    if remote is None or remote.via in fit:
        return []
    there = f"there are {', '.join(fit)}" if fit else "there is none: add one"
    return [
        Problem(("remote", "via"), f"no sink of type iot_core, mqtt or greengrass_local is named {remote.via}; {there}")
    ]


def unsharded_places(tree: dict[str, Any], configuration: Configuration) -> list[Problem]:
    """Give a problem for each sink whose place is that of every shard: they would overwrite or disconnect each other.

    `tree`: as it was written. A place that refers to `${…}`, or says the number of the shard, is one core's own.
    """
    shard = configuration.shard
    if shard is None or shard.of == 1:
        return []
    number = re.compile(rf"\$\{{|(?<!\d){shard.index}(?!\d)")
    problems = []
    for name, sink in configuration.sinks.items():
        match sink:
            case S3Settings():
                default = sink.prefix
            case SiteWiseSettings() if sink.bulk_import is not None:
                default = sink.bulk_import.prefix
            case IotCoreSettings() if sink.transport != "greengrass" and sink.endpoint is not None:
                default = sink.client_id
            case MqttSettings():
                default = sink.client_id
            case _:
                continue
        path = ("sinks", name, *_PLACES[sink.type])
        if not any(number.search(_written(tree, place)) for place in (path, (*path[:-1], "bucket"))):
            hint = f"'{default}-${{env:PIBRIDGE_SHARD}}'"
            problems.append(Problem(path, f"is that of all shards; write one of this core's own, like {hint}"))
    return problems


def _written(tree: Any, path: tuple[str, ...]) -> str:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return str(tree or "")


def shared_places(configuration: Configuration) -> list[Problem]:
    """Give a problem for each sink that would write over another's files, into the journal, or end its connection."""
    problems: list[Problem] = []
    taken: dict[object, str] = {}
    journal = os.path.normpath(Path(configuration.journal.path).absolute())
    for name, sink in configuration.sinks.items():
        if isinstance(sink, FileSettings) and _folder(sink.path).is_relative_to(journal):
            problems.append(Problem(("sinks", name, "path"), "is inside journal.path; write another folder"))
        places = _places(sink, configuration.site)
        other = next((taken[place] for place in places if place in taken), None)
        if other is not None:
            problems.append(Problem(("sinks", name, *_PLACES[sink.type]), f"is that of {other} too; write another one"))
        for place in places:
            taken.setdefault(place, name)
    return problems


def _places(sink: SinkSettings, site: str) -> list[object]:
    """Give what a sink must have alone: where it writes, or as whom it connects, each."""
    match sink:
        case FileSettings():
            return [_folder(sink.path)]
        case S3Settings():
            return [_bucket_place(sink, site)]
        case SiteWiseSettings() if sink.bulk_import is not None:
            return [_bucket_place(sink.bulk_import, site)]
        case IotCoreSettings() if sink.transport != "greengrass" and sink.endpoint is not None:
            ids = client_ids(sink.client_id.replace("{site}", site), sink.connections)
            return [(sink.endpoint.lower(), client_id) for client_id in ids]
        case MqttSettings():
            ids = client_ids(sink.client_id.replace("{site}", site), sink.connections)
            return [(sink.host.lower(), sink.tcp_port, client_id) for client_id in ids]
        case _:
            return []


def _bucket_place(settings: S3Settings | BulkImportSettings, site: str) -> object:
    prefix = settings.prefix.replace("{site}", site).strip("/")
    return (settings.endpoint_url or "").rstrip("/").lower(), settings.bucket, prefix


def _folder(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))
