"""One value of a point at one time, and the states that stand in for values."""

from typing import Any, Final

from msgspec import Struct

from pibridge.simulator import times


class Sample(Struct, frozen=True, gc=False):
    """One value as PI gives it. `value`: what JSON shows; a state is `{"Name", "Value", "IsSystem"}`."""

    ticks: int
    value: Any
    good: bool = True
    questionable: bool = False
    substituted: bool = False
    annotated: bool = False


def system_state(name: str, code: int) -> dict[str, Any]:
    """Give the object of a SYSTEM digital state."""
    return {"Name": name, "Value": code, "IsSystem": True}


NO_DATA: Final = system_state("No Data", 248)
PT_CREATED: Final = system_state("Pt Created", 253)
CALC_FAILED: Final = system_state("Calc Failed", 249)
FAILURES: Final = (
    system_state("I/O Timeout", 246),
    NO_DATA,
    system_state("Bad Input", 255),
    system_state("Comm Fail", 313),
)


def is_number(value: Any) -> bool:
    """Say whether the value can be drawn as a curve."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_json(sample: Sample, unit: str) -> dict[str, Any]:
    """Give the value object. States have no unit."""
    return {
        "Timestamp": times.text(sample.ticks),
        "Value": sample.value,
        "UnitsAbbreviation": "" if isinstance(sample.value, dict) else unit,
        "Good": sample.good,
        "Questionable": sample.questionable,
        "Substituted": sample.substituted,
        "Annotated": sample.annotated,
    }
