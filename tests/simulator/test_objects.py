import pytest
from aiohttp import ClientSession

from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.objects import matches
from simulator.bench import Bench, Clock


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


async def test_web_ids_are_answered_full_unless_asked_otherwise(bench: Bench) -> None:
    """The form of the answer does not follow the form of the request."""
    web_id = await bench.web_id(r"\\PISRV1\SINUSOID")
    assert web_id.startswith("I1DP")
    assert len(web_id) == 32
    assert (await bench.get(f"/points/{web_id}")).body["WebId"].startswith("F1DP")
    assert (await bench.get(f"/points/{web_id}", webIdType="pathonly")).body["WebId"] == "P1DPUElTUlYxXFNJTlVTT0lE"


async def test_a_link_to_the_next_page(clock: Clock) -> None:
    """The last page has none, unless the server is told to have one always."""
    for always in (False, True):
        settings = SimulatorSettings(next_on_last_page=always)
        async with Simulator(settings, clock=clock) as simulator, ClientSession() as session:
            bench = Bench(simulator, clock, session)
            server = (await bench.get("/dataservers", name="PISRV2")).body
            first = (await bench.get(f"/dataservers/{server['WebId']}/points", maxCount=3)).body
            last = (await bench.get(first["Links"]["Next"].removeprefix(simulator.url))).body
            assert len(last["Items"]) == 1
            assert ("Next" in last["Links"]) is always
            if always:
                beyond = await bench.get(last["Links"]["Next"].removeprefix(simulator.url))
                assert (beyond.status, beyond.items) == (200, [])
