import asyncio
import os
import signal
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from acceptance.daemons import between, facts, truth
from cli.processes import eventually, records, started, status, unfinished, written
from daemon.plant_file import followed, points, sink
from pibridge.model import ticks
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.plant import wall_clock
from sinks.far_sides import REGION, Store

UTILITIES = points("U*")
BULK = points("BULK*")


def times(out: Path, stream: str) -> list[int]:
    """Give the times of a stream's records at rest."""
    return [ticks.parse(record["ts"]) for record in records(out) if record["stream"] == stream]


async def test_streams_come_and_go_while_the_others_flow(busy: Simulator, tmp_path: Path) -> None:
    """A new stream joins, a removed one says nothing more; the channel of the other stays, nothing of it is missed."""
    with capture_logs() as lines:
        async with followed(tmp_path, busy, streams={"bulk": BULK, "gone": points("SINUSOID*")}) as daemon:
            await eventually(lambda: times(daemon.out, "bulk"))
            start = wall_clock()
            await daemon.change(streams={"bulk": BULK, "utilities": UTILITIES})
            removed = wall_clock()
            await eventually(lambda: daemon.snapshot().streams["utilities"].channels_open and daemon.is_well())
            await eventually(lambda: max(times(daemon.out, "bulk")) > removed + 2 * ticks.PER_SECOND)
            end = max(times(daemon.out, "bulk")) - ticks.PER_SECOND
            assert busy.channels == 2
            assert daemon.snapshot().streams["bulk"].reconnects == 0
    told = [record for record in records(tmp_path / "out") if record["stream"] == "bulk"]
    paths = sorted({record["path"] for record in told})
    assert between(facts(told), start, end) == truth(busy, paths, start, end)
    assert times(tmp_path / "out", "utilities")
    assert not [moment for moment in times(tmp_path / "out", "gone") if moment > removed + 2 * ticks.PER_SECOND]
    opened = [line["stream"] for line in lines if line["event"] == "channel open"]
    assert sorted(opened) == ["bulk", "gone", "utilities"]
    (line,) = [line for line in lines if line["event"] == "configuration changed"]
    assert (line["streams_added"], line["streams_removed"]) == (["utilities"], ["gone"])


async def test_sinks_come_and_go_while_the_others_deliver(simulator: Simulator, tmp_path: Path) -> None:
    """Of sinks: a new one gets what is kept or what comes, as it says; one that stays has everything once."""
    folders = {name: tmp_path / name for name in ("out", "gone", "whole", "fresh")}
    async with followed(tmp_path, simulator, sinks={"out": sink(folders["out"]), "gone": sink(folders["gone"])}) as it:
        await eventually(lambda: records(folders["out"]) and records(folders["gone"]))
        known = it.snapshot().journal.newest_seq
        await it.change(
            sinks={
                "out": sink(folders["out"]),
                "whole": sink(folders["whole"]),
                "fresh": sink(folders["fresh"], **{"from": "now"}),
            }
        )
        assert not unfinished(folders["gone"])
        left = len(records(folders["gone"]))
        await eventually(lambda: records(folders["fresh"]) and records(folders["whole"]))
        assert len(records(folders["gone"])) == left
        assert list(it.snapshot().sinks) == ["fresh", "out", "whole"]
    newest = max(record["seq"] for record in records(folders["out"]))
    for name in ("out", "whole"):
        assert sorted(record["seq"] for record in records(folders[name])) == list(range(1, newest + 1))
    assert min(record["seq"] for record in records(folders["fresh"])) > known


async def test_a_sink_that_changes_goes_on_where_it_was(simulator: Simulator, tmp_path: Path) -> None:
    """With another folder, or another site, a sink delivers what follows: no record is missing, none comes twice."""
    async with followed(tmp_path, simulator) as daemon:
        await eventually(lambda: records(daemon.out))
        await daemon.change(sinks={"local": sink(tmp_path / "elsewhere")})
        await eventually(lambda: records(tmp_path / "elsewhere"))
        await daemon.change(sinks={"local": sink(tmp_path / "elsewhere")}, site="leeds")
        await eventually(lambda: any(record["site"] == "leeds" for record in records(tmp_path / "elsewhere")))
    told = [*records(tmp_path / "out"), *records(tmp_path / "elsewhere")]
    assert sorted(record["seq"] for record in told) == list(range(1, len(told) + 1))


async def test_another_filter_holds_from_now_on(simulator: Simulator, tmp_path: Path) -> None:
    """The default filter that changes is that of the sinks that follow it."""
    async with followed(tmp_path, simulator) as daemon:
        await eventually(lambda: records(daemon.out))
        await daemon.change(filter={"quality": ["bad"]})
        await eventually(lambda: daemon.snapshot().sinks["local"].withheld.get("quality"))


async def test_pi_reached_otherwise_is_read_on(busy: Simulator, tmp_path: Path) -> None:
    """With other limits all channels are opened anew; what came in between is read, and nothing is told twice."""
    async with followed(tmp_path, busy, streams={"bulk": BULK}) as daemon:
        await eventually(lambda: times(daemon.out, "bulk"))
        start = wall_clock()
        await daemon.change(pi={"url": busy.url, "limits": {"streams_per_channel": 4}}, streams={"bulk": BULK})
        await eventually(lambda: daemon.snapshot().streams["bulk"].channels_open == 3 and daemon.is_well())
        reached = wall_clock()
        await eventually(lambda: max(times(daemon.out, "bulk")) > reached + 2 * ticks.PER_SECOND)
        await eventually(lambda: not daemon.snapshot().history.gaps_open)
        end = max(times(daemon.out, "bulk")) - ticks.PER_SECOND
        assert busy.channels == 3
    told = records(tmp_path / "out")
    paths = sorted({record["path"] for record in told})
    assert between(facts(told), start, end) == truth(busy, paths, start, end)


async def test_a_wrong_configuration_is_refused_as_a_whole(simulator: Simulator, tmp_path: Path) -> None:
    """What is wrong is told, a line each; all goes on as before, until the file is right again."""
    with capture_logs() as lines:
        async with followed(tmp_path, simulator) as daemon:
            wrong: dict[str, Any] = {"log": {"level": "loud"}, "refresh": "soon", "streams": {"bulk": BULK}}
            reasons = await daemon.refused(**wrong)
            assert [reason.partition(":")[0] for reason in reasons] == ["log.level", "refresh"]
            assert list(daemon.snapshot().streams) == ["utilities"]
            assert daemon.is_well()
            await daemon.change()
            assert daemon.snapshot().configuration.refused == []
    refused = [line for line in lines if line["event"] == "configuration refused, the old one runs on"]
    assert [line["problem"] for line in refused] == reasons


async def test_what_only_the_parts_find_wrong_is_refused_too(simulator: Simulator, tmp_path: Path) -> None:
    """A journal elsewhere, a taken port, a CA file that is none: nothing of such a configuration is taken."""
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    async with (
        await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as taken,
        followed(tmp_path, simulator) as daemon,
    ):
        (reason,) = await daemon.refused(
            journal={"path": str(tmp_path / "other"), "max_size": "16MiB"}, streams={"bulk": BULK}
        )
        assert "journal.path: a new value needs a restart" in reason
        await daemon.change()
        port = taken.sockets[0].getsockname()[1]
        (reason,) = await daemon.refused(status={"listen": f"127.0.0.1:{port}"}, streams={"bulk": BULK})
        assert "status.listen" in reason
        await daemon.change()
        (reason,) = await daemon.refused(
            pi={"url": simulator.url, "tls": {"ca_file": str(tmp_path / "ca.pem")}}, streams={"bulk": BULK}
        )
        assert "ca_file" in reason
        assert list(daemon.snapshot().streams) == ["utilities"]
        assert daemon.is_well()


async def test_the_status_page_moves(simulator: Simulator, tmp_path: Path, port: int) -> None:
    """A page that was off answers where it is told to, and closes again."""
    async with followed(tmp_path, simulator) as daemon:
        await daemon.change(status={"listen": f"127.0.0.1:{port}"})
        told = await status(port)
        assert told["configuration"]["hash"] == daemon.snapshot().configuration.hash
        await daemon.change(status=None)
        with pytest.raises(OSError, match="Connect"):
            await status(port)


async def test_a_file_of_points_is_followed_by_itself(simulator: Simulator, tmp_path: Path) -> None:
    """A line more in `points_file` is read within seconds, without a signal; a file that is damaged is refused."""
    listed = tmp_path / "points.csv"
    listed.write_text("path\n\\\\PISRV1\\SINUSOID\n", encoding="utf-8")
    streams = {"utilities": {"select": {"points_file": str(listed)}}}
    async with followed(tmp_path, simulator, streams=streams) as daemon:
        listed.write_text("path\n\\\\PISRV1\\SINUSOID\n\\\\PISRV1\\CDM158\n", encoding="utf-8")
        await eventually(lambda: daemon.snapshot().streams["utilities"].tags == 2, 8)
        listed.write_text("no such column\n", encoding="utf-8")
        await eventually(lambda: daemon.snapshot().configuration.refused, 8)
        assert daemon.snapshot().streams["utilities"].tags == 2


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
async def test_the_process_follows_its_file_and_the_signal(simulator: Simulator, tmp_path: Path, port: int) -> None:
    """`pibridge run` takes a changed file by itself, and at once with SIGHUP; it ends with 0 as ever."""
    settings = {
        "site": "brewery",
        "pi": {"url": simulator.url},
        "streams": {"utilities": UTILITIES},
        "journal": {"path": "journal", "max_size": "16MiB"},
        "sinks": {"local": sink(tmp_path / "out")},
        "status": {"listen": f"127.0.0.1:{port}"},
    }
    async with started(tmp_path, "run", "-c", written(tmp_path, settings)) as daemon:
        first = await daemon.until_settled(port)
        written(tmp_path, {**settings, "streams": {"utilities": UTILITIES, "sinus": points("SINUSOID")}})
        await daemon.says('"streams_added": ["sinus"]', within_s=5)
        written(tmp_path, {**settings, "log": {"format": "console"}})
        asked = time.monotonic()
        daemon.signal(signal.SIGHUP)
        await daemon.says("streams_removed", within_s=5)
        assert time.monotonic() - asked < 1
        assert "[info     ] configuration changed" in daemon.err
        told = await daemon.until_settled(port)
        assert told["configuration"]["hash"] != first["configuration"]["hash"]
        daemon.signal(signal.SIGTERM)
        assert (await daemon.ended(5)).code == 0


async def test_a_renewed_certificate_is_shown(tmp_path: Path) -> None:
    """A certificate that was renewed in its file is shown without a restart; half of the change is refused."""
    ca = trustme.CA()
    wanted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(wanted)
    ca.configure_trust(wanted)
    wanted.verify_mode = ssl.CERT_REQUIRED
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    tls = {"ca_file": str(tmp_path / "ca.pem"), "cert_file": str(cert), "key_file": str(key)}

    def renew() -> trustme.LeafCert:
        issued = ca.issue_cert("connector")
        issued.cert_chain_pems[0].write_to_path(cert)
        return issued

    renew().private_key_pem.write_to_path(key)
    settings = SimulatorSettings(host="localhost", channel_interval_s=0.1)
    async with (
        Simulator(settings, ssl_context=wanted) as strict,
        followed(tmp_path, strict, pi={"url": strict.url, "tls": tls}) as daemon,
    ):
        before = daemon.snapshot().configuration.loaded
        issued = renew()
        await eventually(lambda: daemon.snapshot().configuration.refused, 8)
        assert "pi.tls.key_file" in daemon.snapshot().configuration.refused[0]
        issued.private_key_pem.write_to_path(key)
        await eventually(lambda: daemon.snapshot().configuration.loaded != before and daemon.is_well(), 8)
        assert not daemon.snapshot().configuration.refused


async def test_a_rotated_password_disturbs_nothing(tmp_path: Path) -> None:
    """A new text behind `${file:…}` is no other configuration: channels stay, and the next request uses it."""
    secret = tmp_path / "password"
    secret.write_text("right-horse\n", encoding="utf-8")
    auth = {"method": "basic", "username": r"CORP\svc", "password": f"${{file:{secret}}}"}
    settings = SimulatorSettings(users={r"CORP\svc": "right-horse"}, channel_interval_s=0.1)
    with capture_logs() as lines:
        async with (
            Simulator(settings) as guarded,
            followed(tmp_path, guarded, pi={"url": guarded.url, "auth": auth}) as daemon,
        ):
            await eventually(lambda: daemon.snapshot().history.gaps_paid and not daemon.snapshot().history.gaps_open)
            guarded.faults.add("password=other-horse")
            secret.write_text("other-horse\n", encoding="utf-8")
            await eventually(lambda: "configuration read again, it says the same" in [line["event"] for line in lines])
            await daemon.change(
                pi={"url": guarded.url, "auth": auth}, streams={"a": points("SINUSOID"), "utilities": UTILITIES}
            )
            await eventually(daemon.is_well)
    events = [line["event"] for line in lines]
    assert "PI refuses our login" not in events
    assert sorted(line["stream"] for line in lines if line["event"] == "channel open") == ["a", "utilities"]
    assert "horse" not in str(lines)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
async def test_the_process_takes_its_configuration_from_s3(simulator: Simulator, tmp_path: Path) -> None:
    """`--config s3://bucket/key` starts it; a new object is taken, and while S3 is away it runs on."""
    store = Store()
    store.client.create_bucket(Bucket="settings", CreateBucketConfiguration={"LocationConstraint": REGION})
    environment = {
        "AWS_ENDPOINT_URL_S3": store.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
    }
    text = (
        f"{{site: brewery, pi: {{url: '{simulator.url}'}}, "
        r"streams: {utilities: {select: {points: ['\\PISRV1\U*']}}}, "
        "journal: {path: journal, max_size: 16MiB}, sinks: {local: {type: file}}, status: null}"
    )
    try:
        store.client.put_object(Bucket="settings", Key="brewery.yaml", Body=text.encode())
        name = "s3://settings/brewery.yaml"
        async with started(tmp_path, "--config", name, "run", environment=environment) as daemon:
            await daemon.says('"channel open"')
            moved = text.replace("brewery,", "leeds,")
            store.client.put_object(Bucket="settings", Key="brewery.yaml", Body=moved.encode())
            daemon.signal(signal.SIGHUP)
            await daemon.says('"other": ["site"]')
            await asyncio.to_thread(store.stop)
            daemon.signal(signal.SIGHUP)
            await daemon.says("configuration cannot be read now, the old one runs on")
            daemon.signal(signal.SIGTERM)
            assert (await daemon.ended(8)).code == 0
            store.start()
    finally:
        store.client.close()
        await asyncio.to_thread(store.stop)
