"""What the nucleus tells a component about the way to it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pibridge.errors import ConfigurationError

SOCKET: Final = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
TOKEN: Final = "SVCUID"  # noqa: S105 - the name of a variable

_CLASSIC_SOCKET: Final = "ipc.socket"
_WINDOWS_PIPE: Final = "\\\\.\\pipe\\"


class Nucleus(StrEnum):
    """Which program the nucleus is. They differ in what they take at once and in what they keep."""

    LITE = "lite"
    CLASSIC = "classic"


@dataclass(frozen=True)
class Component:
    """A component's way to its nucleus. `socket`: path of a Unix socket, or name of a pipe. `token`: a secret."""

    socket: str
    token: str = field(repr=False)
    nucleus: Nucleus


def is_inside(environment: Mapping[str, str]) -> bool:
    """Tell whether a nucleus has started this process."""
    return bool(environment.get(SOCKET) and environment.get(TOKEN))


def component_of(name: str, environment: Mapping[str, str]) -> Component:
    """Give the way to the nucleus, for the sink `name`. ConfigurationError if no nucleus has started this process."""
    return own_component(f"sinks.{name}", environment, "use another type or transport")


def own_component(asked_by: str, environment: Mapping[str, str], instead: str) -> Component:
    """Give the way to the nucleus. `asked_by`: a key, or an option. `instead`: what to do elsewhere.

    ConfigurationError if no nucleus has started this process.
    """
    if not is_inside(environment):
        missing = " and ".join(variable for variable in (SOCKET, TOKEN) if not environment.get(variable))
        problem = (
            f"{asked_by}: works only inside a Greengrass component, where the nucleus sets {missing}; "
            f"deploy pibridge as a component, or {instead}"
        )
        raise ConfigurationError([problem])
    socket = environment[SOCKET]
    return Component(socket, environment[TOKEN], _nucleus_of(socket))


def _nucleus_of(socket: str) -> Nucleus:
    # Lite calls it gg-ipc.socket. Whatever has another name still takes what lite takes.
    is_classic = socket.startswith(_WINDOWS_PIPE) or re.split(r"[\\/]", socket)[-1] == _CLASSIC_SOCKET
    return Nucleus.CLASSIC if is_classic else Nucleus.LITE
