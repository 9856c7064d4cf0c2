"""One connection to the nucleus, from the first byte to its end: the client library never makes it anew."""

import logging
from typing import TYPE_CHECKING, Final

from awscrt.exceptions import AwsCrtError
from awscrt.io import ClientBootstrap, SocketDomain, SocketOptions
from awsiot.eventstreamrpc import Connection, LifecycleHandler, MessageAmendment
from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient

from pibridge.greengrass.component import Component

if TYPE_CHECKING:
    from concurrent.futures import Future

FAILURES: Final = (AwsCrtError, RuntimeError, TimeoutError)
"""The client library's own are all RuntimeErrors, and what its native part raises at once is a plain one."""

# What it reports there, it raises here too.
logging.getLogger("awsiot.eventstreamrpc").setLevel(logging.CRITICAL)


class Line:
    """A connection of this component. `client`: makes requests once the future of `connect` has a result.

    `is_up`: whether it can still be used, as far as is known. `subscriptions`: streams that last as long as it.
    """

    def __init__(self, component: Component) -> None:
        options = SocketOptions()
        options.domain = SocketDomain.Local
        self._connection = Connection(
            host_name=component.socket,
            port=0,
            bootstrap=ClientBootstrap.get_or_create_static_default(),
            socket_options=options,
            connect_message_amender=MessageAmendment.create_static_authtoken_amender(component.token),
        )
        self.client = GreengrassCoreIPCClient(self._connection)
        self.is_up = True
        self.subscriptions: list[object] = []

    def connect(self) -> "Future[None]":
        """Begin to connect. May raise one of FAILURES at once."""
        connecting: Future[None] = self._connection.connect(_Lifecycle(self))
        return connecting

    def close(self) -> None:
        """Let go of it."""
        self.is_up = False
        self._connection.close()


class _Lifecycle(LifecycleHandler):  # type: ignore[misc]  # the library ships no types
    """Notes the end of a line; called by a thread of the client library."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def on_disconnect(self, reason: Exception | None) -> None:  # noqa: ARG002 - the request under way gets it too
        self._line.is_up = False
