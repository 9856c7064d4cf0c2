"""What brokers and the client library say when they refuse or lose something, and what to do about it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pibridge.errors import UnavailableError

SUCCESS: Final = frozenset({0, 16})
"""Codes of a PUBACK that confirm. 16: taken, and nobody has subscribed to the topic."""

TOPIC_INVALID: Final = 144
TOO_LARGE: Final = 149
REFUSED_FOR_GOOD: Final[Mapping[int, str]] = {
    TOPIC_INVALID: "Topic Name invalid",
    TOO_LARGE: "Packet too large",
    153: "Payload format invalid",
}
"""Codes of a PUBACK that are about the message itself: it will never be taken.

All others may pass. Not authorized (135) is among those: nothing is wrong with the record, and a right can be granted.
"""

NOT_AUTHORIZED: Final = 135

_UNSPECIFIED: Final = 128
_NAMES: Final[Mapping[int, str]] = {
    _UNSPECIFIED: "Unspecified error",
    129: "Malformed Packet",
    130: "Protocol Error",
    131: "Implementation specific error",
    132: "Unsupported Protocol Version",
    133: "Client Identifier not valid",
    134: "Bad User Name or Password",
    NOT_AUTHORIZED: "Not authorized",
    136: "Server unavailable",
    137: "Server busy",
    138: "Banned",
    139: "Server shutting down",
    140: "Bad authentication method",
    141: "Keep Alive timeout",
    142: "Session taken over",
    **REFUSED_FOR_GOOD,
    145: "Packet identifier in use",
    147: "Receive Maximum exceeded",
    150: "Message rate too high",
    151: "Quota exceeded",
    152: "Administrative action",
    154: "Retain not supported",
    155: "QoS not supported",
    156: "Use another server",
    157: "Server moved",
    159: "Connection rate exceeded",
    160: "Maximum connect time",
}
_THROTTLED: Final = frozenset({147, 150, 151, 159})
_BY_ITSELF: Final = "it is tried again by itself"

UNFIT: Final[Mapping[str, int]] = {
    "AWS_ERROR_MQTT5_PUBLISH_OPTIONS_VALIDATION": TOPIC_INVALID,
    "AWS_ERROR_MQTT5_PACKET_VALIDATION": TOO_LARGE,
    "AWS_ERROR_MQTT_INVALID_TOPIC": TOPIC_INVALID,
}
"""What the client library says of a message that no broker would take, and the code that a broker would give."""


@dataclass(frozen=True)
class Trouble:
    """Why nothing can be sent now, and what to do about it."""

    what: str
    hint: str = _BY_ITSELF

    def error(self) -> UnavailableError:
        """Give it as an error of its own: one that is raised twice would gather both ways."""
        return UnavailableError(self.what, hint=self.hint)


@dataclass(frozen=True)
class Advice:
    """What the reader of an error can do, in the words of one sink.

    `sink`: its name. `address`: where the far side is, as the configuration says it. `login`: what lets us connect.
    `right`: what lets us publish. `certificates`: keys of the TLS settings.
    """

    sink: str
    address: str
    login: str
    right: str
    certificates: str = "ca_file, cert_file and key_file"

    def puback(self, topic: str, code: int) -> Trouble:
        """Say what a PUBACK means that may be another one later."""
        if code == NOT_AUTHORIZED:
            return Trouble(f"{self.address} refuses topic {topic}: {named(code)}", self.right)
        return Trouble(f"{self.address} does not take a message for {topic}: {named(code)}", self._hint(code, ""))

    def suback(self, topic: str, code: int) -> Trouble:
        """Say why the far side does not give us the messages of a topic."""
        hint = self.right if code in {NOT_AUTHORIZED, _UNSPECIFIED} else self._hint(code, "")
        return Trouble(f"{self.address} lets nobody here subscribe to {topic}: {named(code)}", hint)

    def connack(self, client_id: str, code: int) -> Trouble:
        """Say why the far side does not let us in."""
        return Trouble(f"{self.address} refuses client {client_id}: {named(code)}", self._hint(code, client_id))

    def disconnect(self, client_id: str, code: int) -> Trouble:
        """Say why the far side has ended the connection."""
        return Trouble(f"{self.address} disconnected client {client_id}: {named(code)}", self._hint(code, client_id))

    def library(self, client_id: str, name: str, message: str) -> Trouble:
        """Say what the client library met."""
        for beginning, hint in self._library_hints(client_id):
            if name.startswith(beginning):
                return Trouble(f"no connection to {self.address}: {name}: {message.rstrip('.')}", hint)
        raise AssertionError(name)  # the last beginning is that of all names

    def _hint(self, code: int, client_id: str) -> str:
        if code in _THROTTLED:
            return f"lower sinks.{self.sink}.limits, or send less; {_BY_ITSELF}"
        key = f"sinks.{self.sink}"
        return {
            132: f"write sinks.{self.sink}.protocol: 3.1.1 if the broker knows no MQTT 5",
            133: f"write another {key}.client_id",
            134: self.login,
            NOT_AUTHORIZED: self.login,
            138: self.login,
            142: f"another client uses {client_id}: give each its own {key}.client_id",
            TOO_LARGE: f"let the broker take messages of 128 KiB; {_BY_ITSELF}",
            154: f"write {key}.retain: false",
            156: f"write the other address into {key}",
            157: f"write the other address into {key}",
        }.get(code, _BY_ITSELF)

    def _library_hints(self, client_id: str) -> tuple[tuple[str, str], ...]:
        closed = (
            f"its log says why; a second client with the name {client_id}, or a certificate or user that it does not"
            " accept, make it do that"
        )
        credentials = "give pibridge AWS credentials: environment, profile, token exchange or instance role"
        return (
            ("AWS_IO_SOCKET_CLOSED", closed),
            ("AWS_ERROR_MQTT_UNEXPECTED_HANGUP", closed),
            # All that the library tells of a CONNACK of MQTT 3.1.1 that refuses.
            ("AWS_ERROR_MQTT_PROTOCOL_ERROR", f"it may refuse client {client_id}: {self.login}"),
            ("AWS_IO_SOCKET_CONNECTION_REFUSED", "nothing listens there: start it, or correct the address"),
            ("AWS_IO_DNS", "correct the host name, or check DNS"),
            ("AWS_IO_TLS", f"check {self.certificates} of sinks.{self.sink}, revoked certificates, and the clock"),
            ("AWS_ERROR_MQTT5_CONNACK_TIMEOUT", "it takes connections and does not answer: is it an MQTT broker?"),
            ("AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE", f"renew the AWS credentials, check the clock; {self.login}"),
            ("AWS_AUTH_", credentials),
            ("", "check network and firewall"),
        )


def named(code: int) -> str:
    """Give the code as people look it up."""
    return f"{_NAMES.get(code, 'reason code')} ({code})"
