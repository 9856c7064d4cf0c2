import pytest

from pibridge.simulator.objects import matches, set_identity
from simulator.bench import Bench


@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        ("SINUSOID", "", True),
        ("SINUSOID", "sin*", True),
        ("SINUSOID", "SINUSOI?", True),
        ("SINUSOID", "SINU", False),
        ("A[1]", "a[1]", True),
        ("A1", "a[1]", False),
    ],
)
def test_filters(name: str, wanted: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    """`*` is any run, `?` one character, brackets are themselves, case does not matter."""
    assert matches(name, wanted) is expected


def test_digital_sets_belong_to_the_data_server() -> None:
    """Their identity names their owner's kind."""
    assert set_identity("Modes").owner == "D"


async def test_web_ids_are_answered_full_unless_asked_otherwise(bench: Bench) -> None:
    """The form of the answer does not follow the form of the request."""
    web_id = await bench.web_id(r"\\PISRV1\SINUSOID")
    assert web_id.startswith("I1DP")
    assert len(web_id) == 32
    assert (await bench.get(f"/points/{web_id}")).body["WebId"].startswith("F1DP")
    assert (await bench.get(f"/points/{web_id}", webIdType="pathonly")).body["WebId"] == "P1DPUElTUlYxXFNJTlVTT0lE"
