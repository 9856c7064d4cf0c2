"""Where the status page is, and who may see it."""

import re
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from pibridge.model.settings import Secret, Settings

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):(\d{1,5})")
_LAST_PORT: Final = 65535
_SHORTEST_TOKEN: Final = 16


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[2]) > _LAST_PORT:
        raise ValueError("no address to listen on; write host:port, such as 127.0.0.1:8321")
    return text


class StatusSettings(Settings):
    """The page for people, health checks and metrics."""

    listen: Annotated[str, AfterValidator(_address)] = Field(
        "127.0.0.1:8321",
        description="Address of the page, host:port. Beyond this machine's loopback it needs `token`.",
    )
    token: Secret | None = Field(
        None, description="Who shows this may see the page; at least 16 characters. null: only on the loopback."
    )

    @field_validator("token")
    @classmethod
    def _guarded(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        listen = info.data.get("listen", "")
        if token is None:
            if listen and not is_loopback(_host(listen)):
                raise ValueError(
                    f"is missing, and {listen} can be reached from other machines; write token: ${{file:PATH}}, "
                    "or listen on 127.0.0.1"
                )
        elif len(token.reveal()) < _SHORTEST_TOKEN:
            raise ValueError(f"is too easy to guess; write at least {_SHORTEST_TOKEN} characters")
        return token

    @property
    def host(self) -> str:
        """Host name or IP address, without brackets."""
        return _host(self.listen)

    @property
    def port(self) -> int:
        """TCP port; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])


def is_loopback(host: str) -> bool:
    """Tell whether a host, as written, can be nothing but this machine's loopback."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host(listen: str) -> str:
    return listen.rpartition(":")[0].strip("[]")
