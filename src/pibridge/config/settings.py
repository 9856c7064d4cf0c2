"""The whole configuration."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pibridge.context.settings import ContextSettings, FilterSettings, Name
from pibridge.intake.settings import ShardSettings, StreamSettings
from pibridge.journal.settings import JournalSettings
from pibridge.model.settings import Duration, Settings
from pibridge.pi.settings import PiSettings
from pibridge.remote.settings import RemoteSettings
from pibridge.sinks.settings import SinkSettings
from pibridge.status.settings import StatusSettings


def _version(value: object) -> object:
    return 1 if value in ("1", "1.0") else value


class LogSettings(Settings):
    """What the daemon says about itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is worth a line.")
    format: Literal["json", "console"] = Field("json", description="json for machines, console for people.")


class AuditSettings(Settings):
    """How the daemon compares, hour by hour, what PI's archive has with what it has."""

    settle: Duration = Field(900.0, ge=60, description="How long after its end an hour is audited.")
    again: Duration = Field(86_400.0, ge=3600, description="How much later it is audited once more, for late data.")
    keep: Duration = Field(31 * 86_400.0, ge=86_400, description="How long the ledger keeps what was found.")


class Configuration(Settings):
    """PI Bridge: what is read from PI, how it is kept, and where it goes."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(1, description="Version of this format.")
    site: Name = Field(description="Name of the site, stamped on every record, object key and topic.")
    pi: PiSettings = Field(description="The PI Web API that is read.")
    streams: dict[Name, StreamSettings] = Field(min_length=1, description="What is read and how, by name.")
    refresh: Duration = Field(600.0, gt=0, description="How often selections are resolved again, to find new tags.")
    shard: ShardSettings | None = Field(
        None, description="Which part of all tags this core of a fleet reads. null: all of them."
    )
    context: ContextSettings = Field(
        default_factory=ContextSettings, description="Assets and batches that are written into records."
    )
    journal: JournalSettings = Field(
        default_factory=JournalSettings, description="The durable buffer on the local disk."
    )
    filter: FilterSettings = Field(
        default_factory=FilterSettings, description="Default of every sink's filter, with the same keys."
    )
    sinks: dict[Name, SinkSettings] = Field(min_length=1, description="Where records go, by name.")
    audit: AuditSettings | None = Field(
        default_factory=AuditSettings,
        description="Compares what PI has with what was read and delivered, hour by hour, and mends it. null: never.",
    )
    status: StatusSettings | None = Field(
        default_factory=StatusSettings, description="The page for people, health checks and metrics. null: none."
    )
    remote: RemoteSettings | None = Field(
        None, description="Health records that are told from afar, and requests that are taken from there. null: none."
    )
    log: LogSettings = Field(default_factory=LogSettings, description="What the daemon says about itself.")

    def sink_filters(self) -> dict[str, FilterSettings]:
        """Give each sink's filter: the keys of its own, and those of `filter` for the rest."""
        return {name: sink.filter.upon(self.filter) for name, sink in self.sinks.items()}

    def filter_key(self, sink: str, key: str) -> str:
        """Give where a key of a sink's filter is written: `sinks.NAME.filter.KEY`, or else the default."""
        own = key in self.sinks[sink].filter.model_fields_set
        return f"sinks.{sink}.filter.{key}" if own else f"filter.{key}"
