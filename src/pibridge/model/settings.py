"""How settings say durations, sizes and secrets. Each room defines its own settings upon these."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_DURATION: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_QUANTITY: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


class Settings(BaseModel):
    """Part of the configuration. Unknown keys are errors; defaults are checked too."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True, defer_build=True
    )


def _quantity(units: dict[str, Any], example: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = _QUANTITY.fullmatch(value)
        if match is None or (match[2] and match[2] not in units):
            raise ValueError(f"write a number with a unit, one of {', '.join(units)}: {example}")
        return float(match[1]) * units[match[2]] if match[2] else float(match[1])

    return read


Duration = Annotated[
    float, BeforeValidator(_quantity(_DURATION, "250ms, 10s, 5m, 12h, 7d"), json_schema_input_type=float | str)
]
"""Seconds. Written `250ms`, `10s`, `5m`, `12h`, `7d`, or as a plain number of seconds."""

Size = Annotated[int, BeforeValidator(_quantity(_SIZE, "64KiB, 512MiB, 2GiB"), json_schema_input_type=int | str)]
"""Bytes. Written `64KiB`, `512MiB`, `2GiB`, or as a plain number of bytes."""


class Secret:
    """A text that is never shown. `reveal()` reads it anew, so that a rotated secret is found without a restart."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    def reveal(self) -> str:
        """Give the secret as it is now. Raises what reading it raises."""
        return self._read()

    def __repr__(self) -> str:
        return "Secret('**********')"

    __str__ = __repr__

    @classmethod
    def of(cls, value: object) -> "Secret":
        """Take a plain text (or a number that YAML made of one) as the secret itself."""
        if isinstance(value, Secret):
            return value
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            text = str(value)
            return cls(lambda: text)
        raise ValueError("write the secret as text, best as ${env:NAME} or ${file:PATH}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept texts; the loader hands over ready Secrets for `${…}`. JSON shows that there is one."""
        return core_schema.no_info_plain_validator_function(
            cls.of, serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Show editors a text."""
        return {"type": "string", "writeOnly": True}
