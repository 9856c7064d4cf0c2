"""MQTT 5 and 3.1.1 by the AWS client library: one connection each, which never connects again by itself.

The library works in a thread of its own and calls from there; `Heard` says what it may call.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from awscrt import mqtt, mqtt5
from awscrt.exceptions import AwsCrtError
from awscrt.io import ClientBootstrap, ClientTlsContext, DefaultHostResolver, EventLoopGroup

from pibridge.sinks.mqtt_reasons import UNFIT, Advice, Trouble

_KEEP_ALIVE_S: Final = 60
_PING_ANSWER_S: Final = 30
_CONNACK_S: Final = 10
_NEVER_MS: Final = 24 * 3600 * 1000
_SOON_S: Final = 5
_SHUTDOWN_S: Final = 0.3
_LARGEST_PACKET_BYTES: Final = 256 << 20


@dataclass(frozen=True)
class Login:
    """What is shown to the far side, and what is demanded of it, as files and secrets say it now.

    `handshake`: signs the request that opens a WebSocket; without one, MQTT goes directly over TCP or TLS.
    """

    tls: ClientTlsContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    handshake: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Will:
    """What the broker publishes, at QoS 1, when the connection is lost without a goodbye."""

    topic: str
    payload: bytes


class Heard(Protocol):
    """What a wire tells, from whichever thread."""

    def opened(self, most_packet_bytes: int, *, retains: bool) -> None:
        """Hear that the far side has accepted us. `retains`: it keeps messages that are marked so."""
        ...

    def said(self, payload: bytes, *, is_retained: bool) -> None:
        """Hear a message of a topic that was subscribed to."""
        ...

    def ended(self, trouble: Trouble) -> None:
        """Hear that the connection was not made, or is lost."""
        ...

    def stopped(self) -> None:
        """Hear the last of it."""
        ...


class Wire(Protocol):
    """A connection as the client library has it."""

    def start(self) -> None:
        """Begin to connect."""
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> Future[int]:
        """Send at QoS 1. The future gives the PUBACK's code, or raises what the library raises."""
        ...

    def subscribe(self, topic: str) -> Future[int]:
        """Ask for a topic's messages at QoS 1. The future gives the SUBACK's code."""
        ...

    def stop(self) -> None:
        """End the connection, and all that is under way. May be called from any thread, once."""
        ...


class Network:
    """The thread in which the connections of a sink live."""

    def __init__(self) -> None:
        self._threads = EventLoopGroup(1)
        self.bootstrap = ClientBootstrap(self._threads, DefaultHostResolver(self._threads))

    async def close(self) -> None:
        """Wait a little for the thread to end; it does when nobody uses it."""
        ended = self._threads.shutdown_event
        del self._threads, self.bootstrap
        await asyncio.to_thread(ended.wait, _SHUTDOWN_S)


class Wire5:
    """MQTT 5."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a connection is made of
        self,
        bootstrap: ClientBootstrap,
        host: str,
        port: int,
        client_id: str,
        login: Login,
        advice: Advice,
        heard: Heard,
        will: Will | None = None,
    ) -> None:
        self._client_id = client_id
        self._advice = advice
        self._heard = heard
        self._client: mqtt5.Client | None = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=host,
                port=port,
                bootstrap=bootstrap,
                tls_ctx=login.tls,
                websocket_handshake_transform=login.handshake,
                connect_options=mqtt5.ConnectPacket(
                    client_id=client_id,
                    keep_alive_interval_sec=_KEEP_ALIVE_S,
                    username=login.username,
                    password=login.password,
                    will=None
                    if will is None
                    else mqtt5.PublishPacket(topic=will.topic, payload=will.payload, qos=mqtt5.QoS.AT_LEAST_ONCE),
                ),
                on_publish_callback_fn=self._on_publish,
                session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
                extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
                # The library keeps what is unacknowledged until it is connected again or stopped, whatever is said
                # here: it never gets to connect again.
                offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
                retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.NONE,
                min_reconnect_delay_ms=_NEVER_MS,
                max_reconnect_delay_ms=_NEVER_MS,
                ping_timeout_ms=_PING_ANSWER_S * 1000,
                connack_timeout_ms=_CONNACK_S * 1000,
                # Silence is judged by who waits: a slow link may take longer for one message than any fixed time.
                ack_timeout_sec=0,
                on_lifecycle_event_connection_success_fn=self._on_success,
                on_lifecycle_event_connection_failure_fn=self._on_failure,
                on_lifecycle_event_disconnection_fn=self._on_disconnection,
                on_lifecycle_event_stopped_fn=self._on_stopped,
                disable_metrics=True,
            )
        )

    def start(self) -> None:
        """Begin to connect."""
        self._living.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> Future[int]:
        """Send at QoS 1."""
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain)
        return _sent(lambda: self._living.publish(packet), lambda done: _code(done.puback.reason_code))

    def subscribe(self, topic: str) -> Future[int]:
        """Ask for a topic's messages."""
        packet = mqtt5.SubscribePacket([mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)])
        return _sent(lambda: self._living.subscribe(packet), lambda done: _code(done.reason_codes[0]))

    def stop(self) -> None:
        """End the connection."""
        # A goodbye: without one the broker would publish the will.
        self._living.stop(mqtt5.DisconnectPacket())

    @property
    def _living(self) -> mqtt5.Client:
        if self._client is None:
            raise RuntimeError("the connection has ended")
        return self._client

    def _on_publish(self, said: mqtt5.PublishReceivedData) -> None:
        packet = said.publish_packet
        self._heard.said(bytes(packet.payload or b""), is_retained=bool(packet.retain))

    def _on_success(self, said: mqtt5.LifecycleConnectSuccessData) -> None:
        agreed = said.negotiated_settings
        self._heard.opened(agreed.maximum_packet_size_to_server, retains=agreed.retain_available)

    def _on_failure(self, said: mqtt5.LifecycleConnectFailureData) -> None:
        if said.connack_packet is not None:
            self._heard.ended(self._advice.connack(self._client_id, _code(said.connack_packet.reason_code)))
        else:
            self._heard.ended(library_trouble(self._advice, self._client_id, said.exception))

    def _on_disconnection(self, said: mqtt5.LifecycleDisconnectData) -> None:
        if said.disconnect_packet is not None:
            self._heard.ended(self._advice.disconnect(self._client_id, _code(said.disconnect_packet.reason_code)))
        else:
            self._heard.ended(library_trouble(self._advice, self._client_id, said.exception))

    def _on_stopped(self, _: mqtt5.LifecycleStoppedData) -> None:
        # The library holds these callbacks for as long as the client is held.
        self._client = None
        self._heard.stopped()


class Wire311:
    """MQTT 3.1.1: a PUBACK without a code, a refusal and an end without a reason."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a connection is made of
        self,
        bootstrap: ClientBootstrap,
        host: str,
        port: int,
        client_id: str,
        login: Login,
        advice: Advice,
        heard: Heard,
        will: Will | None = None,
    ) -> None:
        self._client_id = client_id
        self._advice = advice
        self._heard = heard
        self._connection: mqtt.Connection | None = mqtt.Connection(
            mqtt.Client(bootstrap, login.tls),
            host,
            port,
            client_id,
            clean_session=True,
            username=login.username,
            password=login.password,
            keep_alive_secs=_KEEP_ALIVE_S,
            ping_timeout_ms=_PING_ANSWER_S * 1000,
            # The library would connect again after this time, and lets go of a lost connection only then.
            reconnect_min_timeout_secs=_SOON_S,
            reconnect_max_timeout_secs=_SOON_S,
            on_connection_interrupted=self._on_interrupted,
            will=None if will is None else mqtt.Will(will.topic, mqtt.QoS.AT_LEAST_ONCE, will.payload, retain=False),
            disable_metrics=True,
        )

    def start(self) -> None:
        """Begin to connect."""
        self._living.connect().add_done_callback(self._on_connected)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> Future[int]:
        """Send at QoS 1."""
        return _sent(lambda: self._living.publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE, retain)[0], lambda _: 0)

    def subscribe(self, topic: str) -> Future[int]:
        """Ask for a topic's messages."""

        def on_message(payload: bytes, retain: bool, **_: object) -> None:  # noqa: FBT001 - the library gives it by name
            self._heard.said(payload, is_retained=retain)

        return _sent(lambda: self._living.subscribe(topic, mqtt.QoS.AT_LEAST_ONCE, on_message)[0], lambda _: 0)

    def stop(self) -> None:
        """End the connection."""
        self._living.disconnect().add_done_callback(self._on_stopped)

    @property
    def _living(self) -> mqtt.Connection:
        if self._connection is None:
            raise RuntimeError("the connection has ended")
        return self._connection

    def _on_connected(self, connected: Future[Any]) -> None:
        error = connected.exception()
        if error is None:
            self._heard.opened(_LARGEST_PACKET_BYTES, retains=True)
        else:
            self._heard.ended(library_trouble(self._advice, self._client_id, error))

    def _on_interrupted(self, error: AwsCrtError, **_: object) -> None:
        self._heard.ended(library_trouble(self._advice, self._client_id, error))

    def _on_stopped(self, _: Future[Any]) -> None:
        # Whether it was connected at all does not matter any more.
        self._connection = None
        self._heard.stopped()


def _code(reason: int | None) -> int:
    # A code that the library does not know is an unspecified error.
    return 128 if reason is None else int(reason)


def library_trouble(advice: Advice, client_id: str, error: BaseException) -> Trouble:
    """Say what the library means by an exception."""
    if isinstance(error, AwsCrtError):
        return advice.library(client_id, error.name, error.message)
    return advice.library(client_id, type(error).__name__, str(error))


def _sent(send: "Callable[[], Future[Any]]", code: Callable[[Any], int]) -> "Future[int]":
    """Send and give the code of the answer; of what the library itself finds unfit, the code that a broker has for it.

    The library sets its own future whatever happens: that one is never handed on, where it might be cancelled.
    """
    result: Future[int] = Future()

    def fail(error: BaseException) -> None:
        unfit = next((code for name, code in UNFIT.items() if name in str(error)), None)
        if unfit is None:
            result.set_exception(error)
        else:
            result.set_result(unfit)

    def pass_on(done: "Future[Any]") -> None:
        error = done.exception()
        if error is None:
            result.set_result(code(done.result()))
        else:
            fail(error)

    try:
        send().add_done_callback(pass_on)
    except RuntimeError as error:
        # So the library raises what it does not even try.
        fail(error)
    return result
