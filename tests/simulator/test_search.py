import pytest

from pibridge.simulator.call import Refused
from pibridge.simulator.search import holds, parse

THING = {"tag": ["SINUSOID"], "pointtype": ["Float32"], "element.name": ["R1"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", True),
        ("sin*", True),
        ("tag:=cos*", False),
        ("Tag:='SINUSOID' PointType:=Float32", True),
        ("tag:=sin* AND PointType:=Digital", False),
        ("tag:=cos* OR PointType:float*", True),
        ("PointType:<>Digital", True),
        ("Element:{Name:=R?} tag:=*", True),
        ("unknown:=1", False),
    ],
)
def test_queries(query: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    """Terms must all hold, one of the alternatives is enough, names do not care about case."""
    assert holds(parse(query, "tag"), lambda key: THING.get(key, [])) is expected


def test_an_operator_that_is_not_built_is_refused() -> None:
    """It is never taken for one that is."""
    with pytest.raises(Refused, match="operator '>'"):
        holds(parse("zero:>5", "tag"), lambda _: ["1"])


@pytest.mark.parametrize(("query", "expected"), [("zero:>5", False), ("zero:>=5", True), ("zero:<6 zero:<=5", True)])
def test_comparisons(query: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    """What has a measure is compared by it."""
    assert holds(parse(query, "tag"), lambda _: ["5.0"], {"zero": float}) is expected
