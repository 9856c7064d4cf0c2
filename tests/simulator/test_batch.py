import pytest

from pibridge.simulator.batch import select
from simulator.bench import Bench

ANSWERS = {"1": {"Headers": {"Location": "u"}, "Content": {"Items": [{"WebId": "A"}, {"WebId": "B"}]}}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.1.Headers.Location", ["u"]),
        ("$.1.Content.Items[*].WebId", ["A", "B"]),
        ("$.1.Content.Items[1].WebId", ["B"]),
        ("$['1'].Content.Items[0].WebId", ["A"]),
    ],
)
def test_json_paths(path: str, expected: list[str]) -> None:
    """The paths of the vendor's examples select what they should."""
    assert select(path, ANSWERS) == expected


@pytest.mark.parametrize("path", ["$.1.Content.Nothing", "$.1.Content.Items[9]", "$.1..Content", "$.1.Headers[*].X"])
def test_a_path_that_selects_nothing_is_an_error(path: str) -> None:
    """Nothing found is no empty result."""
    with pytest.raises(LookupError):
        select(path, ANSWERS)


async def test_requests_are_built_from_the_answers_to_others(bench: Bench) -> None:
    """The chain of the vendor's example: server, its points, the archive of each."""
    root = "https://elsewhere/piwebapi"
    answer = await bench.post(
        "/batch",
        {
            "1": {"Method": "GET", "Resource": f"{root}/dataservers?path=\\\\PISRV1&selectedFields=WebId"},
            "2": {
                "Method": "GET",
                "Resource": f"{root}/dataservers/{{0}}/points?nameFilter=sin*&selectedFields=Items.WebId",
                "ParentIds": ["1"],
                "Parameters": ["$.1.Content.WebId"],
            },
            "3": {
                "Method": "GET",
                "RequestTemplate": {"Resource": f"{root}/streams/{{0}}/recorded?startTime=*-1h&maxCount=3"},
                "ParentIds": ["2"],
                "Parameters": ["$.2.Content.Items[*].WebId"],
            },
        },
    )
    assert answer.status == 207
    assert [part["Status"] for part in answer.body.values()] == [200, 200, 207]
    third = answer.body["3"]["Content"]
    assert third["Total"] == 2
    assert [len(item["Content"]["Items"]) for item in third["Items"]] == [3, 3]


async def test_a_failed_parent_fails_its_children_only(bench: Bench) -> None:
    """The outer 207 says nothing about success: each answer has its own status."""
    answer = await bench.post(
        "/batch",
        {
            "bad": {"Method": "GET", "Resource": "/piwebapi/points?path=nothing"},
            "child": {"Method": "GET", "Resource": "$.bad.Content.Links.Self", "ParentIds": ["bad"]},
            "lost": {"Method": "GET", "Resource": "$.good.Content.Nothing", "ParentIds": ["good"]},
            "good": {"Method": "GET", "Resource": "/piwebapi/system"},
            "linked": {"Method": "GET", "Resource": "$.good.Content.Links.Self", "ParentIds": ["good"]},
        },
    )
    assert {name: part["Status"] for name, part in answer.body.items()} == {
        "bad": 404,
        "child": 409,
        "lost": 400,
        "good": 200,
        "linked": 200,
    }


@pytest.mark.parametrize(
    "body", [[1], {"1": {"Method": "GET", "ParentIds": ["1"]}}, {"1": {"Method": "GET", "ParentIds": ["x"]}}]
)
async def test_what_is_no_batch_is_refused(bench: Bench, body: object) -> None:
    """A wrong shape, a circle and an unknown parent are bad requests."""
    assert (await bench.post("/batch", body)).status == 400


async def test_a_batch_needs_the_forgery_header(bench: Bench) -> None:
    """It is a POST although it only reads."""
    assert (await bench.post("/batch", {}, csrf=False)).status == 400
