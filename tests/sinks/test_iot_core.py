from typing import Any

import pytest

from pibridge.errors import ConfigurationError
from pibridge.sinks.iot_core import build_iot_core
from pibridge.sinks.settings import IotCoreSettings

ENDPOINT = "abc-ats.iot.eu-west-1.amazonaws.com"
CERTIFICATE = {"cert_file": "c.pem", "key_file": "k.pem"}


def settings(**keys: Any) -> IotCoreSettings:
    """Give settings with these keys."""
    return IotCoreSettings.model_validate({"type": "iot_core", **keys})


def test_a_certificate_makes_a_connection_of_its_own() -> None:
    """Which is not made yet; messages leave as soon as such a sink's do."""
    sink = build_iot_core("cloud", settings(endpoint=ENDPOINT, **CERTIFICATE), "houston", {})
    assert sink.max_age_s == 0.25


def test_where_there_is_no_way_the_key_is_named() -> None:
    """Neither credentials nor a nucleus."""
    with pytest.raises(ConfigurationError, match=r"^sinks\.cloud\.transport: auto finds no way"):
        build_iot_core("cloud", settings(endpoint=ENDPOINT), "houston", {})
