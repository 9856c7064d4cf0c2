from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from context.plants import CASCADE, NO_DATA, events
from pibridge.context.record import Record, context_of
from pibridge.model.event import BAD, DELETE, ERROR, QUESTIONABLE, UPDATE, Event, Lane
from pibridge.sinks.sitewise.tqv import Tqv, tqv
from sinks.sitewise.double import judged_put
from sinks.sitewise.samples import NOW, context, record, tag

TEXT = context("Recipe", text=True)


def of(value: Any, status: int = 0, *, states: Any = "name", text: bool = False) -> tuple[str, Any, str]:
    """Give type, value and quality."""
    found = tqv(record(1, value, status=status, of=TEXT if text else None), "/a", states)
    assert isinstance(found, Tqv), found
    return found.kind, found.value, found.quality


def refusal(value: Any, status: int = 0, *, text: bool = False) -> str:
    """Give why a value is refused."""
    found = tqv(record(1, value, status=status, of=TEXT if text else None), "/a", "name")
    assert isinstance(found, str), found
    return found


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (71.5, "doubleValue"),
        (5.0, "doubleValue"),
        (5, "integerValue"),
        (2**31 - 1, "integerValue"),
        (-(2**31), "integerValue"),
        (2**31, "doubleValue"),
        (True, "booleanValue"),
    ],
)
def test_a_value_has_the_type_that_pi_gave_it(value: Any, kind: str) -> None:
    """Whole numbers beyond 32 bits are floating point numbers, since SiteWise has no larger ones."""
    assert of(value) == (kind, value, "GOOD")


def test_a_digital_state_is_name_or_code() -> None:
    """As the configuration says; a system state is neither."""
    assert of(CASCADE) == ("stringValue", "Cascade", "GOOD")
    assert of(CASCADE, states="code") == ("integerValue", 2, "GOOD")
    assert of(NO_DATA, BAD, states="code") == ("nullValue", "U", "BAD")


@pytest.mark.parametrize(
    ("value", "status", "quality"),
    [(1.0, QUESTIONABLE, "UNCERTAIN"), (1.0, BAD, "BAD"), (1.0, UPDATE, "GOOD")],
)
def test_quality_is_that_of_the_record(value: float, status: int, quality: str) -> None:
    """Good, questionable and bad have a name each in SiteWise; an update is a value like any other."""
    assert of(value, status) == ("doubleValue", value, quality)


@pytest.mark.parametrize(
    ("value", "status"), [(NO_DATA, BAD), (NO_DATA, 0), ("NaN", 0), ("gone", ERROR), ("Bad", BAD), (["x"], ERROR)]
)
def test_no_value_is_a_null_of_bad_quality(value: Any, status: int) -> None:
    """System states, errors and NaN arrive as what SiteWise has for them."""
    assert of(value, status) == ("nullValue", "U", "BAD")


def test_a_null_is_never_good() -> None:
    """SiteWise takes nulls of bad and uncertain quality only; of a tag of texts it is a text's."""
    assert of(None) == ("nullValue", "U", "UNCERTAIN")
    assert of(None, text=True) == ("nullValue", "S", "UNCERTAIN")


def test_what_sitewise_cannot_take_is_refused_with_the_reason() -> None:
    """Arrays, long texts, control characters, deletions, frames, and times before 1970."""
    assert refusal([1, 2]) == "an array; SiteWise has no property type for it"
    assert refusal("x" * 1025, text=True) == "a text of 1025 characters; SiteWise takes 1024"
    assert "control characters" in refusal("a\nb", text=True)
    assert "delete" in refusal(None, DELETE)
    frames = context_of("houston", replace(tag(), kind="frame"), None, Lane.LIVE)
    assert "event frame" in str(tqv(Record(1, Event(1, NOW, {}), frames), "/a", "name"))
    assert "1970" in str(tqv(record(1, 1.0, at=5), "/a", "name"))


def test_all_ticks_of_a_time_arrive() -> None:
    """Seven digits, in nanoseconds."""
    found = tqv(record(1, 1.0, at=NOW + 1_234_567), "/a", "name")
    assert isinstance(found, Tqv)
    assert found.timestamp == {"timeInSeconds": NOW // 10_000_000, "offsetInNanos": 123_456_700}


@given(event=events())
def test_what_is_not_refused_is_well_formed(event: Event) -> None:
    """Whatever PI says is refused with a reason, or a request that SiteWise's own model accepts."""
    for states in ("name", "code"):
        found = tqv(Record(1, event, TEXT), "/a", states)
        if isinstance(found, str):
            assert found
        else:
            assert judged_put([{"entryId": "0", "propertyAlias": "/a", "propertyValues": [found.said()]}]) == []
