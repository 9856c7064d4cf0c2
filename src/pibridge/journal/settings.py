"""The `journal` part of the configuration."""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator

from pibridge.model.settings import Duration, Settings, Size

SMALLEST_BYTES: Final = 16 << 20


class JournalSettings(Settings):
    """The durable buffer on local disk."""

    path: Path = Field(Path("./pibridge-data"), description="Folder of the buffer on local disk; one daemon writes it.")
    max_size: Size = Field(2 << 30, description="All files below `path` together stay below this; at least 16MiB.")
    retain: Duration = Field(
        7 * 86400.0, ge=0, description="How long delivered events stay for replay, while there is room."
    )
    when_full: Literal["pause", "drop_oldest"] = Field(
        "pause",
        description="pause: stop reading PI and recover the gap from PI later. drop_oldest: the oldest go, counted.",
    )
    sync: Literal["full", "normal"] = Field(
        "full", description="full: survives power loss. normal: survives a crash of the process."
    )
    flush: Duration = Field(0.2, gt=0, le=60, description="The longest an event waits in memory before it is on disk.")

    @field_validator("max_size")
    @classmethod
    def _large_enough(cls, size_bytes: int) -> int:
        if size_bytes < SMALLEST_BYTES:
            raise ValueError("write at least 16MiB")
        return size_bytes
