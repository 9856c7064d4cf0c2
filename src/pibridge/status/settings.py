"""Where the status page is."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from pibridge.model.settings import Settings

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):(\d{1,5})")
_LAST_PORT: Final = 65535


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[2]) > _LAST_PORT:
        raise ValueError("no address to listen on; write host:port, such as 127.0.0.1:8321")
    return text


class StatusSettings(Settings):
    """The page for people, health checks and metrics."""

    listen: Annotated[str, AfterValidator(_address)] = Field(
        "127.0.0.1:8321", description="Address of the page, host:port. There is no login: keep it to this machine."
    )

    @property
    def host(self) -> str:
        """Host name or IP address, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """TCP port; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])
