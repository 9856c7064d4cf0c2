"""The servers behind PI Web API: two Data Archives, of which the first is the default one, and an AF server."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from pibridge.simulator import webid


def guid(name: str) -> UUID:
    """Give the GUID of the thing of that name: the same in every run."""
    return uuid5(NAMESPACE_URL, f"pibridge-simulator:{name}")


@dataclass(frozen=True)
class Server:
    """A server that PI Web API knows."""

    name: str
    marker: ClassVar[str]

    @property
    def path(self) -> str:
        r"""`\\NAME`."""
        return rf"\\{self.name}"

    @cached_property
    def guid(self) -> UUID:
        """Its id."""
        return guid(self.name)

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        return webid.Identity(self.marker, (self.guid,), self.path)


@dataclass(frozen=True)
class DataServer(Server):
    """A Data Archive."""

    marker = webid.DATA_SERVER


@dataclass(frozen=True)
class AssetServer(Server):
    """An AF server."""

    marker = webid.ASSET_SERVER


ARCHIVE: Final = DataServer("PISRV1")
SECOND_ARCHIVE: Final = DataServer("PISRV2")
AF: Final = AssetServer("AF1")
