import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from greengrass.nucleus import TestNucleus
from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.greengrass.component import component_of
from pibridge.greengrass.secrets import FRESH_S, Vault, vault_of
from waiting import eventually

PI = json.dumps({"user": "svc", "password": "hunter2", "port": 8443, "on": True})


class Store:
    """Where a vault reads; `texts` by name, or the error that reading raises."""

    def __init__(self, **texts: str) -> None:
        self.texts: dict[str, Any] = texts
        self.asked = 0
        self.now_s = 0.0
        self.vault = Vault(self._fetch, lambda: self.now_s)

    def _fetch(self, name: str) -> str:
        self.asked += 1
        if isinstance(self.texts[name], Exception):
            raise self.texts[name]
        return str(self.texts[name])


@pytest.mark.parametrize(
    ("field", "text"), [("", PI), ("password", "hunter2"), ("port", "8443")], ids=["whole", "text", "number"]
)
def test_a_secret_is_given_whole_or_by_field(field: str, text: str) -> None:
    """Without a field it is the text as it is stored."""
    assert Store(pi=PI).vault.read("pi", field) == text


@pytest.mark.parametrize(
    ("stored", "field", "said"),
    [
        (PI, "pasword", "no field pasword with a text .its fields are user, password, port, on"),
        (PI, "on", "no field on with a text"),
        ("hunter2", "password", r"no fields .write \$\{secret:pi\} for the whole of it"),
        ("[1]", "password", "no fields"),
    ],
)
def test_a_field_that_is_not_there_is_told(stored: str, field: str, said: str) -> None:
    """The error names secret and field, and shows nothing of what is stored."""
    with pytest.raises(PIBridgeError, match=f"the secret pi has {said}") as told:
        Store(pi=stored).vault.read("pi", field)
    assert "hunter2" not in str(told.value)


async def test_a_rotated_secret_is_found() -> None:
    """While it is fresh it is asked for once; later the old one is given at once, and soon the new one."""
    store = Store(pi="old")
    assert [store.vault.read("pi") for _ in range(5)] == ["old"] * 5
    assert store.asked == 1
    store.texts["pi"] = "new"
    store.now_s = FRESH_S
    assert store.vault.read("pi") == "old"
    await eventually(lambda: store.vault.read("pi") == "new")
    assert store.asked == 2


async def test_a_secret_that_was_read_survives_an_outage() -> None:
    """What was read stays, however the nucleus is; when that is back, it is followed again."""
    store = Store(pi="old")
    store.vault.read("pi")
    store.texts["pi"] = UnavailableError("gone")
    store.now_s += FRESH_S
    assert store.vault.read("pi") == "old"
    await eventually(lambda: store.asked == 2)
    assert store.vault.read("pi") == "old"
    store.texts["pi"] = "new"

    def later() -> bool:
        store.now_s += FRESH_S
        return store.vault.read("pi") == "new"

    await eventually(later)


def test_a_secret_that_was_never_read_is_told() -> None:
    """There is nothing to give, and each read tries again."""
    store = Store()
    store.texts["pi"] = UnavailableError("gone")
    for _ in range(2):
        with pytest.raises(UnavailableError, match="gone"):
            store.vault.read("pi")
    assert store.asked == 2


async def test_secrets_come_from_the_nucleus(classic: TestNucleus) -> None:
    """The one vault of a component asks its nucleus, and says which secret cannot be had."""
    classic.deployed.secrets["plant/pi"] = PI
    vault = vault_of(component_of("cloud", classic.environment))

    def read(name: str, field: str = "") -> Callable[[], str]:
        return lambda: vault.read(name, field)

    assert await asyncio.to_thread(read("plant/pi", "password")) == "hunter2"
    assert vault_of(component_of("cloud", classic.environment)) is vault
    with pytest.raises(PIBridgeError, match="the secret other cannot be read"):
        await asyncio.to_thread(read("other"))
    assert classic.deployed.secrets_read == ["plant/pi", "other"]


async def test_lite_has_no_secrets(lite: TestNucleus) -> None:
    """A nucleus that cannot give any becomes an error that names the secret."""
    vault = vault_of(component_of("cloud", lite.environment))
    with pytest.raises(PIBridgeError, match="the secret plant/pi cannot be read"):
        await asyncio.to_thread(lambda: vault.read("plant/pi"))
