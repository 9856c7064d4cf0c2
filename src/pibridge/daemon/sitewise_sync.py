"""`pibridge sitewise sync`: from the AF elements that the streams read to models and assets of SiteWise."""

from pibridge.config.settings import Configuration
from pibridge.errors import ConfigurationError
from pibridge.pi.attributes import selected_attributes
from pibridge.pi.client import PiClient
from pibridge.pi.settings import ElementSelect
from pibridge.sinks.settings import SiteWiseSettings
from pibridge.sinks.sitewise.aliases import AliasTemplate
from pibridge.sinks.sitewise.sync import ModelSync
from pibridge.sinks.sitewise.wanted import Wanted


def sink_of(configuration: Configuration, name: str | None) -> tuple[str, SiteWiseSettings]:
    """Give the SiteWise sink of this name, or the only one. Raises ConfigurationError."""
    sinks = {each: sink for each, sink in configuration.sinks.items() if isinstance(sink, SiteWiseSettings)}
    if name is not None:
        if name not in sinks:
            raise ConfigurationError(
                [f"sinks.{name}: no sink of type sitewise; there are {', '.join(sinks) or 'none'}"]
            )
        return name, sinks[name]
    if len(sinks) != 1:
        raise ConfigurationError(
            [f"sinks: of type sitewise there are {', '.join(sinks) or 'none'}; name one by --sink"]
        )
    return next(iter(sinks.items()))


async def wanted_of(configuration: Configuration, sink: SiteWiseSettings) -> Wanted:
    """Ask PI which elements and attributes the streams read that the sink's filter lets through.

    Raises what `PiClient.get` raises.
    """
    aliases = AliasTemplate(sink.alias, configuration.site)
    wanted = Wanted()
    passing = sink.filter.upon(configuration.filter).streams
    async with PiClient(configuration.pi) as client:
        for name, stream in sorted(configuration.streams.items()):
            if isinstance(stream.select, ElementSelect) and (passing is None or name in passing):
                found, problems = await selected_attributes(client, stream.select)
                wanted.problems += problems
                wanted.add(name, found, aliases, sink.states)
    wanted.check()
    return wanted


def sync_of(configuration: Configuration, name: str, sink: SiteWiseSettings) -> ModelSync:
    """Make what compares and changes, without connecting it. Raises ConfigurationError."""
    return ModelSync(name, sink, AliasTemplate(sink.alias, configuration.site).beginning)
