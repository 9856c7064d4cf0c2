from typing import Any

import pytest

from pibridge.simulator.fields import parse, select

BODY = {
    "Links": {"Next": "u"},
    "Items": [{"Name": "a", "Items": [{"Value": 1, "Good": True, "Errors": ["x"]}]}, {"Name": "b", "Items": []}],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", BODY),
        ("Links", {"Links": {"Next": "u"}}),
        ("items.name", {"Items": [{"Name": "a"}, {"Name": "b"}]}),
        (
            "Items.Items.Value;Items.Name",
            {"Items": [{"Name": "a", "Items": [{"Value": 1}]}, {"Name": "b", "Items": []}]},
        ),
        ("Nothing", {}),
    ],
)
def test_selection(text: str, expected: Any) -> None:
    """Named properties stay, through lists and objects, whatever the case."""
    assert select(BODY, parse(text)) == expected


def test_errors_can_be_kept() -> None:
    """Whether a selection hides errors is not known: both can be had."""
    (item, _) = select(BODY, parse("Items.Items.Value"), keep_errors=True)["Items"]
    assert item == {"Items": [{"Value": 1, "Errors": ["x"]}]}
