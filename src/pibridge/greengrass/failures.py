"""What went wrong between us and the nucleus, in the words of the error tree. Pure."""

from typing import Final

from awscrt.exceptions import AwsCrtError
from awsiot.eventstreamrpc import AccessDeniedError
from awsiot.greengrasscoreipc.model import InvalidArgumentsError, ResourceNotFoundError, ServiceError, UnauthorizedError

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.greengrass.limits import Operation, Subscribing

_NO_SOCKET: Final = ("AWS_ERROR_FILE_INVALID_PATH", "AWS_IO_SOCKET_CONNECTION_REFUSED", "AWS_IO_SOCKET_CONNECT_ABORTED")
_AGAIN: Final = "it is tried again by itself"
_LOOK: Final = f"look whether the nucleus is well, {_AGAIN}"
_POLICIES: Final = {
    Operation.PUBLISH_TO_IOT_CORE: "aws.greengrass.ipc.mqttproxy",
    Operation.PUBLISH_TO_TOPIC: "aws.greengrass.ipc.pubsub",
    Subscribing.TO_IOT_CORE: "aws.greengrass.ipc.mqttproxy",
    Subscribing.TO_TOPIC: "aws.greengrass.ipc.pubsub",
}


class NotTakenError(UnavailableError):
    """The nucleus answered that it does not take the message now: it is offline, or its queue is full."""


class LostError(UnavailableError):
    """The connection is of no more use; whether the nucleus has the message is not known."""


class NeverTakenError(PIBridgeError):
    """The nucleus says that the message itself is wrong: sending it again is useless."""


class NotThereError(UnavailableError):
    """The nucleus does not know what it was asked for; it may know it later."""


def connect_failure(error: Exception, socket: str) -> LostError:
    """Say why there is no connection to the nucleus at this socket."""
    about = f"cannot connect to the Greengrass nucleus at {socket}"
    if isinstance(error, TimeoutError):
        return LostError(f"{about}: no answer", hint=_LOOK)
    if any(name in str(error) for name in _NO_SOCKET):
        return LostError(f"{about}: nobody listens there: {error}", hint=f"start the nucleus, {_AGAIN}")
    # A nucleus that was started anew knows no token of before; lite then closes the connection without a word.
    if isinstance(error, AccessDeniedError) or "AWS_IO_SOCKET_CLOSED" in str(error):
        return LostError(
            f"{about}: it does not know the token of this component",
            hint="restart the component: the nucleus gives a new token at each start",
        )
    return LostError(f"{about}: {_said(error)}", hint=_AGAIN)


def publish_failure(error: Exception, operation: Operation | Subscribing, topic: str) -> PIBridgeError:
    """Say why the nucleus did not take a message to this topic, or does not give those of it."""
    verb = "publish" if isinstance(operation, Operation) else "subscribe"
    return request_failure(
        error,
        f"cannot {verb} to {topic} through the Greengrass nucleus",
        allow=f"aws.greengrass#{operation} on this topic under accessControl, {_POLICIES[operation]}",
        later=_not_taken_hint(operation),
    )


def request_failure(error: Exception, about: str, *, allow: str, later: str = _AGAIN) -> PIBridgeError:
    """Say why the nucleus did not do what it was asked for.

    `about`: what cannot be done. `allow`: what the recipe has to allow. `later`: the hint where it is not done now.
    """
    match error:
        case UnauthorizedError():
            return UnavailableError(
                f"{about}: the component may not", hint=f"allow {allow}, in the component's configuration"
            )
        case ResourceNotFoundError():
            return NotThereError(f"{about}: {_said(error)}")
        case InvalidArgumentsError():
            return NeverTakenError(f"{about}: {_said(error)}")
        case ServiceError():
            return NotTakenError(f"{about}: {_said(error)}", hint=later)
        case TimeoutError():
            return LostError(f"{about}: no answer", hint=_LOOK)
    return LostError(f"{about}: connection lost: {_said(error)}", hint=_AGAIN)


def _not_taken_hint(operation: Operation | Subscribing) -> str:
    if operation is Operation.PUBLISH_TO_IOT_CORE:
        return f"the core is offline or its queue is full, {_AGAIN}"
    return _AGAIN


def _said(error: Exception) -> str:
    if isinstance(error, AwsCrtError):
        return f"{error.name}: {error.message}"
    # Of the models of errors only lite's has no text.
    said = getattr(error, "message", None)
    return f"{type(error).__name__}: {said}" if said else f"{type(error).__name__} {error}".strip()
