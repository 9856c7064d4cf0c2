from pathlib import Path

from context.plants import surroundings
from intake.lines import opened, plant_settings
from pibridge.intake.frame_records import source_of
from pibridge.intake.frames import Frames
from pibridge.intake.settings import StreamSettings
from pibridge.status.counters import Counters
from waiting import eventually, running


async def test_a_new_stream_knows_its_first_day_at_once(tmp_path: Path) -> None:
    """However rarely it looks: until then a closed frame that PI makes late passes for an old one, and is not told."""
    select = {"event_frames": {"database": r"\\AF1\Plant", "template": "Unit Batch"}}
    streams = {"batches": StreamSettings.model_validate({"select": select, "interval": "1h"})}
    async with opened(tmp_path, plant_settings()) as line:
        frames = Frames(streams, surroundings(), 3600.0, line.client, line.journal, Counters())
        async with running(frames.run()):
            await eventually(lambda: line.journal.mark(source_of("batches")) is not None)
