"""Messages to AWS IoT Core over the Greengrass nucleus, which accepts them and does not tell whether they arrive."""

from collections.abc import Mapping
from typing import Final

from pibridge.greengrass.component import Nucleus, component_of
from pibridge.greengrass.limits import MESSAGE_BYTES, TOPIC_BYTES, Operation
from pibridge.sinks.nucleus import NucleusSink
from pibridge.sinks.settings import IotCoreSettings, PublishLimits

# Half of what IoT Core takes of one connection (100 messages and 512 KB a second): all components of a core share it.
_LIMITS: Final = PublishLimits(publishes_per_second=50, bytes_per_second=256 << 10)
_BILLED_BYTES: Final = 5 << 10
"""What IoT Core counts as one message, topic and payload; lite takes less than two of these in one."""
_PROMISES: Final = {
    Nucleus.LITE: "accepted, not delivered: nucleus lite keeps no queue, what it has not sent yet is lost with it",
    Nucleus.CLASSIC: "accepted, not delivered: it waits in the nucleus's queue, which by default is lost with it",
}


def build_iot_greengrass(
    name: str, settings: IotCoreSettings, site: str, environment: Mapping[str, str]
) -> NucleusSink:
    """Make the sink called `name`, without connecting it. ConfigurationError outside a component."""
    component = component_of(name, environment)
    return NucleusSink(
        Operation.PUBLISH_TO_IOT_CORE,
        component,
        settings.topic,
        site,
        promise=_PROMISES[component.nucleus],
        limits=_LIMITS,
        encoding=settings.encoding,
        filled_bytes=_BILLED_BYTES - TOPIC_BYTES if component.nucleus is Nucleus.LITE else MESSAGE_BYTES,
        max_age_s=settings.roll.age,
    )
