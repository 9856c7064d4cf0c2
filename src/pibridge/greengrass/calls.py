"""Requests to the nucleus whose answers are waited for, over a connection that is made anew when it was lost."""

import threading
from collections.abc import Callable
from typing import Any

import structlog
from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient

from pibridge.greengrass.component import Component
from pibridge.greengrass.failures import LostError, connect_failure, request_failure
from pibridge.greengrass.line import FAILURES, Line

Begin = Callable[[GreengrassCoreIPCClient], Any]
"""Makes the stream of one operation of the client."""


class Calls:
    """Asks, from any thread, and blocks. `patience_s`: how long an answer may take.

    `greet`: is given each new connection before anybody else has it, to subscribe; what it raises ends the connection.
    """

    def __init__(
        self, component: Component, *, patience_s: float = 10.0, greet: Callable[[Line], None] = lambda _: None
    ) -> None:
        self._component = component
        self._patience_s = patience_s
        self._greet = greet
        self._line: Line | None = None
        self._connecting = threading.Lock()

    def connected(self) -> Line:
        """Give the connection; a new one if it was lost. Raises LostError, or what `greet` raises."""
        with self._connecting:
            if self._line is not None and not self._line.is_up:
                self._line.close()
                self._line = None
            if self._line is None:
                self._line = self._connect()
            return self._line

    def ask(self, begin: Begin, request: Any, about: str, *, allow: str = "") -> Any:
        """Give the answer. Raises what `request_failure` makes of an error."""
        return self.ask_on(self.connected(), begin, request, about, allow=allow)

    def ask_on(self, line: Line, begin: Begin, request: Any, about: str, *, allow: str = "") -> Any:
        """Give the answer that comes over this connection."""
        try:
            stream = begin(line.client)
            try:
                stream.activate(request).result(self._patience_s)
                return stream.get_response().result(self._patience_s)
            finally:
                stream.close()
        except FAILURES as error:
            raise self._failure(error, line, about, allow) from error

    def subscribe_on(self, line: Line, begin: Begin, request: Any, about: str) -> None:
        """Have events sent over this connection for as long as it lasts."""
        try:
            stream = begin(line.client)
            stream.activate(request).result(self._patience_s)
            stream.get_response().result(self._patience_s)
            line.subscriptions.append(stream)
        except FAILURES as error:
            raise self._failure(error, line, about, "") from error

    def close(self) -> None:
        """Let go of the connection, at once. The next request makes another."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _connect(self) -> Line:
        line = Line(self._component)
        try:
            line.connect().result(self._patience_s)
        except FAILURES as error:
            line.close()
            raise connect_failure(error, self._component.socket) from error
        try:
            self._greet(line)
        except BaseException:
            line.close()
            raise
        structlog.get_logger().info("connected to the Greengrass nucleus", nucleus=self._component.nucleus)
        return line

    @staticmethod
    def _failure(error: Exception, line: Line, about: str, allow: str) -> Exception:
        failure = request_failure(error, about, allow=allow)
        if isinstance(failure, LostError):
            line.close()
        return failure
