from simulator.bench import Bench


async def test_home_and_system(bench: Bench) -> None:
    """Home leads to system, which tells the version."""
    home = await bench.get("/")
    assert home.body["Links"]["System"] == f"{bench.simulator.url}/system"
    assert (await bench.get("/system")).body["ProductVersion"] == bench.simulator.settings.version


async def test_nobody_is_204(bench: Bench) -> None:
    """An anonymous caller has no user information."""
    answer = await bench.get("/system/userinfo")
    assert (answer.status, answer.text) == (204, "")


async def test_protected_resources_are_for_administrators(bench: Bench) -> None:
    """Status and versions are refused to everybody else."""
    assert [(await bench.get(f"/system/{name}")).status for name in ("status", "versions")] == [403, 403]
