from pathlib import Path

from cli.processes import eventually
from context.plants import surroundings
from daemon.brewery import reading
from pibridge.daemon.intake import Intake
from pibridge.daemon.tasks import Tasks
from pibridge.journal.journal import Journal
from pibridge.pi.client import PiClient
from pibridge.simulator import Simulator
from pibridge.status.counters import Counters


async def test_it_is_started_anew_and_ended(simulator: Simulator, tmp_path: Path) -> None:
    """A new start closes the channels and the client before; after the end PI hears nothing from us."""
    configuration, tasks, counters = reading(simulator, tmp_path), Tasks(), Counters()
    journal = await Journal.open(configuration.journal)
    first, second = PiClient(configuration.pi), PiClient(configuration.pi)
    intake = Intake(first, journal, counters, tasks)
    await intake.start(first, configuration, surroundings())
    await eventually(lambda: simulator.channels == 1)
    await intake.start(second, configuration, surroundings())
    assert intake.client is second
    await eventually(lambda: counters.stream("utilities").channels_open == 1)
    assert simulator.channels == 1
    more = reading(simulator, tmp_path, streams={**_more(), "sinus": {"select": {"points": [r"\\PISRV1\SINUSOID"]}}})
    await intake.change(more, surroundings())
    await eventually(lambda: simulator.channels == 2)
    await intake.end()
    await eventually(lambda: simulator.channels == 0)
    assert not tasks.died.done()
    await journal.close()


def _more() -> dict[str, object]:
    return {"utilities": {"select": {"points": [r"\\PISRV1\U*"]}}}
