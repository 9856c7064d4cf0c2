import re
import signal
from pathlib import Path

from cli.processes import eventually, pibridge, records, started, unfinished


async def test_it_ends_with_records_on_disk(tmp_path: Path) -> None:
    """`pibridge demo --seconds 5` without a terminal: lines of progress, a lost link, files, exit code 0."""
    ended = await pibridge(tmp_path, "demo", "--seconds", "5", within_s=30)
    assert (ended.code, ended.err) == (0, "")
    assert "channel lost, its gap is written down" in ended.out
    said = re.search(r"([\d,]+) records in \d+ files below pibridge-demo/out/", ended.out)
    assert said is not None
    out = tmp_path / "pibridge-demo" / "out"
    assert int(said[1].replace(",", "")) == len(records(out)) > 1000
    assert {record["lane"] for record in records(out)} == {"live", "history"}
    assert not unfinished(out)


async def test_what_happened_carries_its_time(tmp_path: Path) -> None:
    """Each line tells the seconds since the start, also before the first look; the link is lost after a third."""
    ended = await pibridge(tmp_path, "demo", "--seconds", "6", within_s=30)
    times = [float(found) for found in re.findall(r"^[·!] +([\d.]+) s  ", ended.out, flags=re.MULTILINE)]
    assert times == sorted(times)
    lost = [float(found) for found in re.findall(r"^! +([\d.]+) s  channel lost", ended.out, flags=re.MULTILINE)]
    assert min(lost) >= 2


async def test_it_starts_anew(tmp_path: Path) -> None:
    """What an earlier demonstration left is removed; nothing else in the folder is."""
    old = tmp_path / "pibridge-demo" / "out" / "dt=2001-01-01" / "live-1-2.jsonl"
    old.parent.mkdir(parents=True)
    old.write_text("{}\n", encoding="utf-8")
    kept = tmp_path / "pibridge-demo" / "notes.txt"
    kept.write_text("mine", encoding="utf-8")
    async with started(tmp_path, "demo", "--seconds", "60") as demo:
        await eventually(lambda: unfinished(tmp_path / "pibridge-demo" / "out"))
        demo.signal(signal.SIGINT)
        ended = await demo.ended(30)
    assert not old.exists()
    assert kept.read_text(encoding="utf-8") == "mine"
    assert "records in" in ended.out, "Ctrl-C ends it with the same words"
    assert "Traceback" not in ended.err
