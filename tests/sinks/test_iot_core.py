from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pibridge.errors import ConfigurationError
from pibridge.sinks.iot_core import build_iot_core, chosen_transport
from pibridge.sinks.publishing import PublishingSink
from pibridge.sinks.settings import IotCoreSettings

ENDPOINT = "abc-ats.iot.eu-west-1.amazonaws.com"
CERTIFICATE = {"cert_file": "c.pem", "key_file": "k.pem"}


def settings(**keys: Any) -> IotCoreSettings:
    """Give settings with these keys."""
    return IotCoreSettings.model_validate({"type": "iot_core", **keys})


@pytest.mark.parametrize(
    ("keys", "environ", "transport"),
    [
        ({"transport": "mqtt"}, {}, "mqtt"),
        ({"transport": "greengrass", **CERTIFICATE}, {}, "greengrass"),
        ({}, {}, "greengrass"),
        (CERTIFICATE, {}, "mqtt"),
        ({"auth": "sigv4", "endpoint": ENDPOINT}, {}, "greengrass"),
        ({"auth": "sigv4", "endpoint": ENDPOINT}, {"AWS_ACCESS_KEY_ID": "A"}, "mqtt"),
        ({"auth": "sigv4", "endpoint": ENDPOINT}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, "mqtt"),
        ({"auth": "sigv4"}, {"AWS_ACCESS_KEY_ID": "A"}, "greengrass"),
    ],
)
def test_auto_is_mqtt_where_there_are_credentials(
    keys: dict[str, Any], environ: Mapping[str, str], transport: str, tmp_path: Path
) -> None:
    """What is written counts; `auto` looks for a certificate, or for AWS credentials and where to go with them."""
    nowhere = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    assert chosen_transport(settings(**keys), {**nowhere, **environ}) == transport


def test_credentials_in_a_file_count(tmp_path: Path) -> None:
    """A file of profiles is one of the places where AWS tools look."""
    (tmp_path / "credentials").write_text("[default]\n")
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    assert chosen_transport(settings(auth="sigv4", endpoint=ENDPOINT), environ) == "mqtt"


def test_mqtt_is_built() -> None:
    """A certificate makes a sink with a connection of its own, which is not made yet."""
    assert isinstance(build_iot_core("cloud", settings(endpoint=ENDPOINT, **CERTIFICATE), "houston"), PublishingSink)


@pytest.mark.parametrize("keys", [{"transport": "greengrass"}, {}])
def test_greengrass_is_not_built(keys: dict[str, Any]) -> None:
    """Over the nucleus is not built yet, and says so."""
    with pytest.raises(ConfigurationError, match=r"^sinks\.cloud\.transport: greengrass.* it has mqtt$"):
        build_iot_core("cloud", settings(**keys), "houston")
