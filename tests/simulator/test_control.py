import msgspec

from pibridge.model.ticks import PER_SECOND, render
from simulator.bench import NOW, Bench


async def test_truth_is_every_snapshot_since_the_start(bench: Bench) -> None:
    """One line a value; of the tags and the range asked for."""
    bench.clock.advance(60)
    origin = bench.simulator.origin
    async with bench.session.get(f"{origin}/simulator/truth", params={"tag": r"\R1.Level"}) as response:
        lines = [msgspec.json.decode(line) for line in (await response.text()).splitlines()]
    truth = bench.simulator.plant.snapshots("R1.Level", NOW, NOW + 60 * PER_SECOND)
    assert [(line["path"], line["ts"], line["value"]) for line in lines] == [
        (r"\\PISRV1\R1.Level", render(sample.ticks), sample.value) for sample in truth
    ]
    parameters = {"start": render(NOW - 10 * PER_SECOND), "end": render(NOW)}
    async with bench.session.get(f"{origin}/simulator/truth", params=parameters) as response:
        assert b"R2.Temperature" in await response.read()
    async with bench.session.get(f"{origin}/simulator/truth", params={"start": "yesterday"}) as response:
        assert response.status == 400


async def test_faults_are_added_listed_and_removed(bench: Bench) -> None:
    """One a line; a wrong one is refused with the reason."""
    url = f"{bench.simulator.origin}/simulator/faults"
    async with bench.session.post(url, data="status=503@path=/system\nhtml@path=/points\n") as response:
        assert (response.status, await response.json()) == (201, [1, 2])
    assert (await bench.get("/system")).status == 503
    async with bench.session.get(url) as response:
        assert (await response.json())[0] == {"id": 1, "fault": "status=503@path=/system", "acted": 1}
    async with bench.session.delete(f"{url}/1") as response:
        assert response.status == 204
    async with bench.session.delete(f"{url}/1") as response:
        assert response.status == 404
    assert (await bench.get("/system")).status == 200
    async with bench.session.delete(url) as response:
        assert response.status == 204
    assert bench.simulator.faults.listed() == []
    async with bench.session.post(url, data="nonsense") as response:
        assert (response.status, list(await response.json())) == (400, ["Errors"])


async def test_edits_are_made(bench: Bench) -> None:
    """Insert, replace, delete; what cannot be done is refused."""
    url = f"{bench.simulator.origin}/simulator/edits"
    ts = render(NOW - 100)

    async def edit(**body: object) -> int:
        async with bench.session.post(url, json={"tag": "NEW.Tag", "ts": ts, **body}) as response:
            return response.status

    plant = bench.simulator.plant
    assert await edit(action="insert", value=1.5) == 204
    assert [sample.value for sample in plant.snapshots("NEW.Tag", NOW - 100, NOW)] == [1.5]
    assert await edit(action="replace", value="x") == 204
    assert [sample.value for sample in plant.snapshots("NEW.Tag", NOW - 100, NOW)] == ["x"]
    assert await edit(action="delete") == 204
    assert plant.snapshots("NEW.Tag", NOW - 100, NOW) == []
    assert [await edit(action="delete"), await edit(action="paint"), await edit(action="insert", tag="?")] == [400] * 3
