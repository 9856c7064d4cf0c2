"""A way to whoever watches from afar, and which one a sink's settings mean."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.sinks.iot_transport import choose_transport
from pibridge.sinks.settings import GreengrassLocalSettings, IotCoreSettings, MqttSettings, SinkSettings

Hear = Callable[[bytes, bool], None]
"""Takes a message, and whether it is one that was kept for whoever subscribes (retained)."""

_RIGHT: Final = "allow to publish health and answers, and to subscribe to the requests; see docs/remote.md"


class Session(Protocol):
    """A connection that is used until it is lost."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the message is taken. Raises UnavailableError, or another PIBridgeError: it never will be."""
        ...

    async def until_lost(self) -> UnavailableError:
        """Wait until the connection is lost; give why."""
        ...


class Line(Protocol):
    """Makes connections. `most_bytes`: of one message."""

    most_bytes: int

    def session(
        self, will: tuple[str, bytes] | None, listen_to: str | None, hear: Hear
    ) -> AbstractAsyncContextManager[Session]:
        """Hold a connection. Entering raises UnavailableError.

        `will`: topic and message that the far side publishes if the connection is lost without a goodbye; only MQTT has
        that. `listen_to`: the topic whose messages `hear` is given.
        """
        ...


def line_to(name: str, settings: SinkSettings, site: str, environment: Mapping[str, str]) -> Line:
    """Make the line that has the connection settings of the sink `name`, without connecting it.

    Raises ConfigurationError.
    """
    match settings:
        case MqttSettings():
            # These load awscrt.
            from pibridge.remote.mqtt_line import MqttLine  # noqa: PLC0415
            from pibridge.sinks.mqtt import plant_broker  # noqa: PLC0415

            return MqttLine(plant_broker(name, settings, right=_RIGHT), _client_id(settings, site))
        case IotCoreSettings() if choose_transport(name, settings, environment)[0] == "mqtt":
            from pibridge.remote.mqtt_line import MqttLine  # noqa: PLC0415
            from pibridge.sinks.iot_mqtt import iot_broker  # noqa: PLC0415

            broker = iot_broker(name, settings, site, environment, right=_RIGHT)
            return MqttLine(broker, _client_id(settings, site))
        case IotCoreSettings() | GreengrassLocalSettings():
            # These load awsiotsdk, which only a Greengrass component needs.
            from pibridge.greengrass.component import component_of  # noqa: PLC0415
            from pibridge.remote.nucleus_line import NucleusLine  # noqa: PLC0415

            is_local = isinstance(settings, GreengrassLocalSettings)
            return NucleusLine(component_of(name, environment), local=is_local)
        case _:
            raise ConfigurationError(
                [f"remote.via: {name} is a sink of type {settings.type}; name one of iot_core, mqtt, greengrass_local"]
            )


def _client_id(settings: MqttSettings | IotCoreSettings, site: str) -> str:
    return f"{settings.client_id.replace('{site}', site)}-remote"
