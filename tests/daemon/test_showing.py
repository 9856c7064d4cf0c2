from pathlib import Path

from daemon.brewery import reading
from pibridge.config.loaded import Loaded
from pibridge.context.surroundings import Surroundings
from pibridge.daemon.intake import Intake
from pibridge.daemon.report import Report
from pibridge.daemon.showing import Showing
from pibridge.daemon.tasks import Tasks
from pibridge.journal.journal import Journal
from pibridge.pi.client import PiClient
from pibridge.simulator import Simulator
from pibridge.status.counters import Counters
from pibridge.status.tag_table import TagQuery, tag_page
from waiting import eventually


async def test_it_shows_what_runs(simulator: Simulator, tmp_path: Path) -> None:
    """Tags that are read with their newest values, by PI's clock; those that PI refuses with its reason."""
    configuration = reading(simulator, tmp_path)
    journal, counters = await Journal.open(configuration.journal), Counters()
    client = PiClient(configuration.pi)
    intake = Intake(client, journal, counters, Tasks())
    surroundings = Surroundings(configuration.context, [])
    report = Report(Loaded.of(configuration), counters, journal, client)
    showing = Showing(report, journal, configuration.journal.path, intake, lambda: surroundings)
    assert tag_page(showing.tags(), TagQuery()).total == 0
    await intake.start(client, configuration, surroundings)

    def values() -> int:
        return tag_page(showing.tags(), TagQuery()).counts["live"]

    await eventually(lambda: values() > 0)
    now = showing.tags()
    assert {now.tags[number - 1].stream for number in now.reading} == {"utilities"}
    assert abs(now.now_ticks - client.server_ticks()) < 10_000_000
    assert now.refused == {}
    assert showing.surroundings is surroundings
    assert showing.snapshot().streams["utilities"].tags == len(now.reading)
    await intake.end()
    await journal.close()
