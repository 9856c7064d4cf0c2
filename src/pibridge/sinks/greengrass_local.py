"""Messages to other components on the same Greengrass core, by its local publish/subscribe."""

from collections.abc import Mapping
from typing import Final

from pibridge.greengrass.component import component_of
from pibridge.greengrass.limits import Operation
from pibridge.sinks.nucleus import NucleusSink
from pibridge.sinks.settings import GreengrassLocalSettings, PublishLimits

# So that a backlog leaves a small core the time for what it is there for.
_LIMITS: Final = PublishLimits(publishes_per_second=100, bytes_per_second=1 << 20)
_PROMISE: Final = "accepted, not delivered: it reaches the components that have subscribed by then, if there are any"


def build_greengrass_local(
    name: str, settings: GreengrassLocalSettings, site: str, environment: Mapping[str, str]
) -> NucleusSink:
    """Make the sink called `name`, without connecting it. ConfigurationError outside a component."""
    return NucleusSink(
        Operation.PUBLISH_TO_TOPIC,
        component_of(name, environment),
        settings.topic,
        site,
        promise=_PROMISE,
        limits=_LIMITS,
    )
