from typing import Any

import pytest

from config.trees import problems_of, small


def test_filters_name_streams_that_are_there() -> None:
    """The default filter and each sink's filter are checked."""
    tree = small(filter={"streams": ["x"]}, sinks__local__filter={"streams": ["live", "y"]})
    assert problems_of(tree) == [
        "sinks.local.filter.streams.1: no stream is named y; there are live",
        "filter.streams.0: no stream is named x; there are live",
    ]


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"type": "file", "path": "./out"}, "sinks.two.path: is that of local too; write another one"),
        ({"type": "file", "path": "buffer/x"}, "sinks.two.path: is inside journal.path; write another folder"),
        ({"type": "file", "path": "out2"}, None),
    ],
)
def test_two_sinks_do_not_share_a_place(other: dict[str, Any], problem: str | None) -> None:
    """Neither a folder of another sink nor the journal's."""
    tree = small(sinks__two=other, journal__path="./buffer")
    assert problems_of(tree) == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("one", "two", "key"),
    [
        ({"type": "file", "path": "o"}, {"type": "file", "path": "x/../o"}, "path"),
        ({"type": "s3", "bucket": "acme"}, {"type": "s3", "bucket": "acme", "prefix": "pi/houston"}, "prefix"),
        (
            {"type": "s3", "bucket": "acme", "endpoint_url": "http://minio:9000"},
            {"type": "s3", "bucket": "acme", "endpoint_url": "http://MINIO:9000/"},
            "prefix",
        ),
        (
            {"type": "mqtt", "host": "bus", "topic": "a"},
            {"type": "mqtt", "host": "BUS", "port": 1883, "topic": "b", "client_id": "pibridge-houston"},
            "client_id",
        ),
        (
            {"type": "mqtt", "host": "bus", "topic": "a", "client_id": "q", "connections": 2},
            {"type": "mqtt", "host": "bus", "topic": "b", "client_id": "q-1"},
            "client_id",
        ),
    ],
)
def test_the_same_place_in_other_words_is_the_same(one: dict[str, Any], two: dict[str, Any], key: str) -> None:
    """By what it comes to, not by how it is written."""
    tree = small(site="houston", sinks={"one": one, "two": two})
    assert problems_of(tree) == [f"sinks.two.{key}: is that of one too; write another one"]


def test_two_s3_sinks_need_two_prefixes() -> None:
    """The same bucket and prefix would let one sink replace the other's objects."""
    tree = small(
        sinks={
            "a": {"type": "s3", "bucket": "acme"},
            "b": {"type": "s3", "bucket": "acme", "prefix": "pi/{site}/"},
            "c": {"type": "s3", "bucket": "acme", "prefix": "other"},
        }
    )
    assert problems_of(tree) == ["sinks.b.prefix: is that of a too; write another one"]


def test_bulk_imports_need_a_place_of_their_own() -> None:
    """A bulk import of SiteWise takes a prefix like an s3 sink; one that has none takes no place."""
    bulk = {"bucket": "acme", "prefix": "pi/{site}"}
    tree = small(
        sinks={
            "a": {"type": "s3", "bucket": "acme"},
            "b": {"type": "sitewise", "bulk_import": bulk},
            "c": {"type": "sitewise"},
            "d": {"type": "sitewise"},
        }
    )
    assert problems_of(tree) == ["sinks.b.bulk_import.prefix: is that of a too; write another one"]


def test_two_mqtt_clients_need_two_names() -> None:
    """At one broker, two clients of one name would end each other's connection; elsewhere they do not meet."""
    bus = {"type": "mqtt", "host": "h", "topic": "t"}
    cloud = {"type": "iot_core", "endpoint": "e.iot.eu-west-1.amazonaws.com"}
    tree = small(
        sinks={
            "a": bus,
            "b": {**bus, "topic": "u"},
            "c": {**bus, "client_id": "other"},
            "d": {**bus, "host": "i"},
            "e": cloud,
            "f": {**cloud, "transport": "mqtt"},
            "g": {"type": "iot_core"},
            "h": {"type": "iot_core"},
        }
    )
    assert problems_of(tree) == [
        "sinks.b.client_id: is that of a too; write another one",
        "sinks.f.client_id: is that of e too; write another one",
    ]


@pytest.mark.parametrize(
    ("sink", "problem"),
    [
        ({"type": "s3", "bucket": "acme"}, "sinks.two.prefix: is that of all shards; write one of this core's own"),
        ({"type": "s3", "bucket": "acme", "prefix": "pi/${env:CORE}"}, None),
        ({"type": "s3", "bucket": "acme-${env:CORE}"}, None),
        ({"type": "s3", "bucket": "acme", "prefix": "pi/core-1"}, None),
        ({"type": "s3", "bucket": "acme", "prefix": "pi/core-12"}, "sinks.two.prefix: is that of all shards"),
        ({"type": "mqtt", "host": "h", "topic": "t"}, "sinks.two.client_id: is that of all shards"),
        ({"type": "iot_core", "endpoint": "e.example.com"}, "sinks.two.client_id: is that of all shards"),
        ({"type": "iot_core", "transport": "greengrass"}, None),
        ({"type": "sitewise", "bulk_import": {"bucket": "acme"}}, "sinks.two.bulk_import.prefix: is that of all"),
        ({"type": "sitewise"}, None),
        ({"type": "file", "path": "out2"}, None),
    ],
)
def test_shards_do_not_share_a_place(sink: dict[str, Any], problem: str | None) -> None:
    """Cores that have one configuration would overwrite each other's objects and end each other's connections."""
    tree = small(sinks__two=sink, shard={"index": "${env:CORE}", "of": "2"})
    found = problems_of(tree, {"CORE": "1"})
    assert len(found) == (problem is not None)
    assert not problem or found[0].startswith(problem)
    assert problems_of(small(sinks__two=sink, shard={"index": 0, "of": 1}), {"CORE": "1"}) == []


@pytest.mark.parametrize("via", ["local", "nowhere"])
def test_remote_goes_by_a_sink_that_has_a_connection(via: str) -> None:
    """A file hears nothing, and what is not there neither; the names of those that would do are told."""
    bus = {"type": "mqtt", "host": "h", "topic": "t"}
    (problem,) = problems_of(small(sinks__bus=bus, remote={"via": via}))
    assert problem.startswith("remote.via: no sink of type iot_core, mqtt or greengrass_local is named")
    assert problem.endswith("there are bus")
    assert problems_of(small(sinks__bus=bus, remote={"via": "bus"})) == []
