"""Messages to AWS IoT Core: by a connection of our own, or over the Greengrass nucleus."""

from collections.abc import Mapping

from pibridge.sinks.contract import Sink
from pibridge.sinks.iot_transport import Chosen, choose_transport
from pibridge.sinks.settings import IotCoreSettings


def build_iot_core(name: str, settings: IotCoreSettings, site: str, environment: Mapping[str, str]) -> Sink:
    """Make the sink `name` without connecting it. Raises ConfigurationError."""
    transport, reason = choose_transport(name, settings, environment)
    sink: Sink
    if transport == "mqtt":
        # Loads awscrt, which this transport needs.
        from pibridge.sinks.iot_mqtt import iot_mqtt_sink  # noqa: PLC0415

        sink = iot_mqtt_sink(name, settings, site, environment)
    else:
        # Loads awsiotsdk, which only a Greengrass component needs.
        from pibridge.sinks.iot_greengrass import build_iot_greengrass  # noqa: PLC0415

        sink = build_iot_greengrass(name, settings, site, environment)
    return Chosen(name, sink, transport, reason)
