import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from greengrass.nucleus import TestNucleus, listening
from pibridge.errors import ConfigurationError
from pibridge.sinks import build
from pibridge.sinks.iot_transport import choose_transport
from pibridge.sinks.settings import IotCoreSettings
from sinks.batches import ListedBatch, values
from sinks.greengrass_core import records_of

INSIDE = TestNucleus(Path("core")).environment
CERTIFICATE = {"cert_file": "cert.pem", "key_file": "key.pem"}
SIGV4 = {"auth": "sigv4"}
TES = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost:1/2016-11-01/credentialprovider/"}


def settings(**keys: Any) -> IotCoreSettings:
    """Give settings with these keys."""
    return IotCoreSettings.model_validate({"type": "iot_core", **keys})


@pytest.mark.parametrize(
    ("keys", "environment", "transport"),
    [
        ({"transport": "mqtt"}, INSIDE, "mqtt"),
        ({"transport": "greengrass", **CERTIFICATE}, {}, "greengrass"),
        (CERTIFICATE, {}, "mqtt"),
        (CERTIFICATE, INSIDE, "mqtt"),
        ({}, INSIDE, "greengrass"),
        ({}, INSIDE | TES, "greengrass"),
        (SIGV4, INSIDE | TES, "mqtt"),
        (SIGV4, TES, "mqtt"),
        (SIGV4, INSIDE, "greengrass"),
        (SIGV4, {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "mqtt"),
        (SIGV4, INSIDE | {"AWS_ACCESS_KEY_ID": "a"}, "greengrass"),
        (SIGV4, {"AWS_PROFILE": "plant"}, "mqtt"),
        (SIGV4, {"AWS_SHARED_CREDENTIALS_FILE": "x"}, "mqtt"),
        (SIGV4, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, "mqtt"),
        (SIGV4, {"AWS_WEB_IDENTITY_TOKEN_FILE": "f", "AWS_ROLE_ARN": "r"}, "mqtt"),
    ],
)
def test_the_transport_follows_from_credentials(
    keys: dict[str, Any], environment: dict[str, str], transport: str
) -> None:
    """What is configured counts; auto is mqtt with credentials of the configured kind, else the nucleus."""
    chosen, reason = choose_transport("cloud", settings(**keys), environment)
    assert chosen == transport
    assert reason.startswith("as configured" if "transport" in keys else "auto, ")


@pytest.mark.parametrize(
    ("keys", "environment", "missing"),
    [
        ({}, {}, "no cert_file and key_file"),
        ({}, TES, "no cert_file and key_file"),
        (SIGV4, {}, "no AWS credentials"),
        (SIGV4, {"AWS_SECRET_ACCESS_KEY": "s3cr3t"}, "no AWS credentials"),
    ],
)
def test_no_way_at_all_is_an_error(keys: dict[str, Any], environment: dict[str, str], missing: str) -> None:
    """It names the key, what is missing and what to do, and no secret."""
    with pytest.raises(ConfigurationError, match=rf"^sinks\.cloud\.transport: auto .*{missing}.*; give ") as error:
        choose_transport("cloud", settings(**keys), environment)
    assert "s3cr3t" not in str(error.value)


async def test_the_choice_is_told(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of the daemon and the finding of a check say which transport was chosen and why; records go by it."""
    async with listening(tmp_path_factory.mktemp("core")) as nucleus:
        for name, value in nucleus.environment.items():
            monkeypatch.setenv(name, value)
        sink = build("cloud", settings(topic="pi/{site}/{tag}"), "houston")
        found = await sink.probe()
        assert found.startswith(
            "transport greengrass (auto, it has no cert_file and key_file and the nucleus is there)"
        )
        assert "accepted, not delivered" in found
        nucleus.iot_core.clear()
        with capture_logs() as logs:
            await sink.open()
        assert {"transport": "greengrass", "sink": "cloud"}.items() <= logs[0].items()
        await sink.write(ListedBatch(values(1, 10)))
        assert len(records_of(nucleus.iot_core)) == 10
        await sink.close()


def test_who_does_not_use_it_does_not_load_it() -> None:
    """To choose the transport, and to build other sinks, loads nothing of the vendor's."""
    code = (
        "import sys; from pibridge.sinks import build; from pibridge.sinks.settings import FileSettings; "
        "build('f', FileSettings(type='file'), 'houston'); sys.exit('awsiot' in sys.modules or 'awscrt' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
