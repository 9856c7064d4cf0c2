import pytest
from awscrt.exceptions import AwsCrtError
from awsiot.eventstreamrpc import AccessDeniedError, ConnectionClosedError, StreamClosedError, UnmappedDataError
from awsiot.greengrasscoreipc.model import InvalidArgumentsError, ResourceNotFoundError, ServiceError, UnauthorizedError

from pibridge.errors import UnavailableError
from pibridge.greengrass.failures import (
    LostError,
    NeverTakenError,
    NotTakenError,
    NotThereError,
    connect_failure,
    publish_failure,
)
from pibridge.greengrass.limits import Operation

CLOSED = AwsCrtError(1051, "AWS_IO_SOCKET_CLOSED", "socket is closed.")
IOT = Operation.PUBLISH_TO_IOT_CORE


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "at ipc.socket: no answer"),
        (RuntimeError("44 (AWS_ERROR_FILE_INVALID_PATH): Invalid file path."), "start the nucleus"),
        (AwsCrtError(1047, "AWS_IO_SOCKET_CONNECTION_REFUSED", "refused"), "start the nucleus"),
        (AccessDeniedError("no"), "restart the component"),
        (CLOSED, "restart the component"),
        (RuntimeError("something new"), "something new"),
    ],
)
def test_why_there_is_no_connection(error: Exception, said: str) -> None:
    """Each cause has its words; a refused token, which only a new start of the component mends, is among them."""
    failure = connect_failure(error, "ipc.socket")
    assert said in str(failure)
    assert failure.hint


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (UnauthorizedError(message="no"), UnavailableError, "allow aws.greengrass#PublishToIoTCore on this topic"),
        (ServiceError(message="Message spool is full"), NotTakenError, "Message spool is full"),
        (ServiceError(), NotTakenError, "offline or its queue is full"),
        (ResourceNotFoundError(message="no such topic"), NotThereError, "no such topic"),
        (InvalidArgumentsError(message="bad topic"), NeverTakenError, "bad topic"),
        (TimeoutError(), LostError, "no answer"),
        (CLOSED, LostError, "AWS_IO_SOCKET_CLOSED"),
        (ConnectionClosedError(), LostError, "connection lost"),
        (StreamClosedError(), LostError, "connection lost"),
        (UnmappedDataError("Unknown error type"), LostError, "Unknown error type"),
    ],
)
def test_why_a_message_was_not_taken(error: Exception, kind: type[Exception], said: str) -> None:
    """What to do about it is the type: try later, connect again, or never try again."""
    failure = publish_failure(error, IOT, "pi/x")
    assert type(failure) is kind
    assert said in str(failure)
    assert "pi/x" in str(failure)


def test_the_policy_is_named() -> None:
    """Each operation has its own policy in the recipe."""
    assert "aws.greengrass.ipc.mqttproxy" in str(publish_failure(UnauthorizedError(), IOT, "a"))
    local = str(publish_failure(UnauthorizedError(), Operation.PUBLISH_TO_TOPIC, "a"))
    assert "aws.greengrass.ipc.pubsub" in local
    assert "aws.greengrass#PublishToTopic " in local
