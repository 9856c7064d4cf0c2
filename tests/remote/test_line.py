from typing import Any

import pytest
from pydantic import TypeAdapter

from pibridge.errors import ConfigurationError
from pibridge.remote.line import line_to
from pibridge.remote.mqtt_line import MqttLine
from pibridge.remote.nucleus_line import NucleusLine
from pibridge.sinks.settings import SinkSettings

CORE = {"AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": "/run/gg-ipc.socket", "SVCUID": "token"}
CLOUD = {"type": "iot_core", "endpoint": "e.iot.eu-west-1.amazonaws.com"}


def sink(**keys: Any) -> SinkSettings:
    """Give the settings of a sink."""
    settings: SinkSettings = TypeAdapter(SinkSettings).validate_python(keys)
    return settings


@pytest.mark.parametrize(
    ("keys", "environment", "kind"),
    [
        ({"type": "mqtt", "host": "h", "topic": "t"}, {}, MqttLine),
        ({**CLOUD, "cert_file": "c", "key_file": "k"}, CORE, MqttLine),
        (CLOUD, CORE, NucleusLine),
        ({"type": "greengrass_local", "topic": "t"}, CORE, NucleusLine),
    ],
)
def test_the_way_is_that_of_the_sink(keys: dict[str, Any], environment: dict[str, str], kind: type) -> None:
    """A connection of our own, or over the nucleus, as the sink would have it."""
    assert isinstance(line_to("cloud", sink(**keys), "houston", environment), kind)


def test_a_sink_without_a_connection_is_no_way() -> None:
    """Files hear nothing; the key says what to name instead."""
    with pytest.raises(ConfigurationError, match=r"remote\.via: out is a sink of type file"):
        line_to("out", sink(type="file"), "houston", {})


def test_outside_a_component_there_is_no_nucleus() -> None:
    """The sink's own words."""
    with pytest.raises(ConfigurationError, match=r"sinks\.edge"):
        line_to("edge", sink(type="greengrass_local", topic="t"), "houston", {})
