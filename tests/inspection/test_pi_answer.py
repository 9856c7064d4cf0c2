import aiohttp

from pibridge.inspection.pi_answer import PiAnswer, pi_answer
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.settings import PiSettings
from pibridge.simulator import Simulator, SimulatorSettings


async def test_pi_says_what_its_archive_has() -> None:
    """At the very time, and before it; or why it does not say."""
    async with Simulator(SimulatorSettings()) as simulator, aiohttp.ClientSession() as session:
        query = {"path": r"\\PISRV1\U.Air.Pressure"}
        async with session.get(f"{simulator.url}/points", params=query) as answer:
            web_id = (await answer.json())["WebId"]
        async with session.get(f"{simulator.url}/streams/{web_id}/recorded", params={"startTime": "*-1h"}) as answer:
            first, second = (await answer.json())["Items"][:2]
        settings = PiSettings.model_validate({"url": simulator.url})
        async with PiClient(settings) as client:
            at = await pi_answer(client, web_id, ticks.parse(second["Timestamp"]))
            assert at.at == [f"{second['Timestamp']}: {second['Value']}"]
            before = await pi_answer(client, web_id, ticks.parse(second["Timestamp"]) - 1)
            assert before == PiAnswer([], f"{first['Timestamp']}: {first['Value']}")
            simulator.faults.add("status=403@path=recorded")
            assert "403" in (await pi_answer(client, web_id, ticks.parse(second["Timestamp"]))).error
