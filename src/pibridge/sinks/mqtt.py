"""Messages to an MQTT broker in the plant."""

from typing import Final

from awscrt.io import ClientBootstrap

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.sinks.mqtt_link import Broker
from pibridge.sinks.mqtt_reasons import Advice
from pibridge.sinks.mqtt_tls import tls_context
from pibridge.sinks.mqtt_wires import Login
from pibridge.sinks.publishing import PublishingSink
from pibridge.sinks.settings import MqttSettings

_MOST_TOPIC_BYTES: Final = 65535


def mqtt_sink(name: str, settings: MqttSettings, site: str, *, patience_s: float = 30.0) -> PublishingSink:
    """Make the sink `name`. `patience_s`: how long the broker may keep silent while something is under way."""
    return PublishingSink(settings, site, plant_broker(name, settings, patience_s=patience_s), _unfit)


def plant_broker(
    name: str,
    settings: MqttSettings,
    *,
    right: str = "let the broker's access list allow it, or leave these records out by a filter",
    patience_s: float = 30.0,
) -> Broker:
    """Give the broker of the sink `name`. `right`: what lets us publish there, for people."""
    port = settings.tcp_port

    def login(_: ClientBootstrap) -> Login:
        tls = settings.tls
        return Login(
            None
            if tls is None
            else tls_context(
                f"sinks.{name}.tls",
                ca_file=tls.ca_file,
                cert_file=tls.cert_file,
                key_file=tls.key_file,
                verify=tls.verify,
            ),
            settings.username,
            _password(name, settings),
        )

    advice = Advice(
        sink=name,
        address=f"the broker {settings.host}:{port}",
        login=f"correct sinks.{name}.username and password, or let this client in on the broker",
        right=right,
        certificates="tls",
    )
    return Broker(settings.host, port, login, advice, protocol=settings.protocol, patience_s=patience_s)


def _password(name: str, settings: MqttSettings) -> str | None:
    if settings.password is None:
        return None
    try:
        return settings.password.reveal()
    except PIBridgeError as error:
        raise UnavailableError(f"sinks.{name}.password cannot be read: {error}") from error


def _unfit(topic: str) -> str:
    size_bytes = len(topic.encode())
    return f"{size_bytes} bytes, MQTT allows {_MOST_TOPIC_BYTES}" if size_bytes > _MOST_TOPIC_BYTES else ""
