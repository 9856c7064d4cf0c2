"""Secrets of AWS Secrets Manager, as the component aws.greengrass.SecretManager keeps them on the core."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import structlog
from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient
from awsiot.greengrasscoreipc.model import GetSecretValueRequest

from pibridge.errors import PIBridgeError
from pibridge.greengrass.calls import Calls
from pibridge.greengrass.component import Component

FRESH_S: Final = 10.0
_PATIENCE_S: Final = 5.0


@dataclass
class _Kept:
    text: str
    since_s: float
    is_asked_for: bool = False
    trouble: str = ""


class Vault:
    """Gives secrets by name. `fetch`: asks for the text of one, and blocks. `monotonic`: any steady clock.

    A secret that was read before is given at once, however the nucleus is; when it is older than FRESH_S it is asked
    for again meanwhile, so that a rotated one is known soon after.
    """

    def __init__(self, fetch: Callable[[str], str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def read(self, name: str, field: str = "") -> str:
        """Give the secret; with a field, that of the JSON object in it. Raises PIBridgeError."""
        text = self._text(name)
        return _field(text, name, field) if field else text

    def _text(self, name: str) -> str:
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None:
                text = kept.text
                if not kept.is_asked_for and self._monotonic() - kept.since_s >= FRESH_S:
                    kept.is_asked_for = True
                    threading.Thread(target=self._renew, args=(name, kept), name="secret", daemon=True).start()
                return text
        text = self._fetch(name)
        with self._lock:
            self._kept[name] = _Kept(text, self._monotonic())
        return text

    def _renew(self, name: str, kept: _Kept) -> None:
        try:
            kept.text = self._fetch(name)
            kept.trouble = ""
        except PIBridgeError as error:
            if kept.trouble != str(error):
                kept.trouble = str(error)
                structlog.get_logger().warning("a secret cannot be read again, it stays as it was", error=str(error))
        finally:
            kept.since_s = self._monotonic()
            kept.is_asked_for = False


@cache
def vault_of(component: Component) -> Vault:
    """Give the one vault of this process."""
    calls = Calls(component, patience_s=_PATIENCE_S)

    def fetch(name: str) -> str:
        answer = calls.ask(
            GreengrassCoreIPCClient.new_get_secret_value,
            GetSecretValueRequest(secret_id=name),
            f"the secret {name} cannot be read",
            allow="aws.greengrass#GetSecretValue on this secret under accessControl, aws.greengrass.SecretManager",
        )
        text = answer.secret_value.secret_string if answer.secret_value else None
        if text is None:
            raise PIBridgeError(f"the secret {name} is no text", hint="store it as text or as key and value")
        return str(text)

    return Vault(fetch)


def _field(text: str, name: str, field: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise PIBridgeError(f"the secret {name} has no fields", hint=f"write ${{secret:{name}}} for the whole of it")
    value = found.get(field)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        known = ", ".join(found)
        raise PIBridgeError(f"the secret {name} has no field {field} with a text", hint=f"its fields are {known}")
    return str(value)
