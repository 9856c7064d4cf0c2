"""What the nucleus and this component tell each other: its configuration, whether that is valid, how it is."""

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import structlog
from awsiot.greengrasscoreipc.client import (
    GreengrassCoreIPCClient,
    SubscribeToComponentUpdatesStreamHandler,
    SubscribeToConfigurationUpdateStreamHandler,
    SubscribeToValidateConfigurationUpdatesStreamHandler,
)
from awsiot.greengrasscoreipc.model import (
    ComponentUpdatePolicyEvents,
    ConfigurationUpdateEvents,
    ConfigurationValidityReport,
    ConfigurationValidityStatus,
    DeferComponentUpdateRequest,
    GetConfigurationRequest,
    SendConfigurationValidityReportRequest,
    SubscribeToComponentUpdatesRequest,
    SubscribeToConfigurationUpdateRequest,
    SubscribeToValidateConfigurationUpdatesRequest,
    UpdateStateRequest,
    ValidateConfigurationUpdateEvents,
)

from pibridge.errors import PIBridgeError
from pibridge.greengrass.calls import Begin, Calls
from pibridge.greengrass.component import Component, Nucleus
from pibridge.greengrass.failures import LostError, NotThereError
from pibridge.greengrass.line import Line

DEFER_MS: Final = 5000
"""How long a stop may take: then nothing is left that an update could interrupt."""
_MOST_REASONS: Final = 20


class State(StrEnum):
    """How a component is, as the nucleus calls it."""

    RUNNING = "RUNNING"
    ERRORED = "ERRORED"


class Deployment:
    """This component, as the nucleus deploys it. All calls block, and raise LostError while the nucleus is gone.

    `judge`: gives what is wrong with a configuration that somebody wants to deploy. `is_busy`: whether an update of
    the component would come at a bad time. Both are called by other threads, and only the classic nucleus asks.
    """

    def __init__(self, component: Component, *, patience_s: float = 10.0) -> None:
        self.judge: Callable[[dict[str, Any]], list[str]] = lambda _: []
        self.is_busy: Callable[[], bool] = lambda: False
        self._nucleus = component.nucleus
        self._calls = Calls(component, patience_s=patience_s, greet=self._subscribe)
        self._changes = 0

    def changes(self) -> int:
        """Give a number that grows when the configuration may have changed; also when the nucleus was away."""
        self._calls.connected()
        return self._changes

    def configuration(self) -> dict[str, Any]:
        """Give all that is configured for this component; nothing, if nothing is."""
        try:
            answer = self._calls.ask(
                GreengrassCoreIPCClient.new_get_configuration,
                GetConfigurationRequest(key_path=[]),
                "cannot read the component's configuration",
            )
        except NotThereError:
            return {}
        return answer.value or {}

    def report(self, state: State) -> None:
        """Tell how the component is. Raises PIBridgeError."""
        self._calls.ask(
            GreengrassCoreIPCClient.new_update_state,
            UpdateStateRequest(state=state),
            f"cannot report the state {state}",
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._calls.close()

    def _subscribe(self, line: Line) -> None:
        self._calls.subscribe_on(
            line,
            lambda client: client.new_subscribe_to_configuration_update(_Changed(self._note_change, line)),
            SubscribeToConfigurationUpdateRequest(key_path=[]),
            "cannot follow the component's configuration",
        )
        if self._nucleus is Nucleus.CLASSIC:  # lite knows neither
            self._subscribe_if_offered(
                line,
                lambda client: client.new_subscribe_to_validate_configuration_updates(_Proposed(self._answer_validity)),
                SubscribeToValidateConfigurationUpdatesRequest(),
                "configurations are not judged before they are deployed",
            )
            self._subscribe_if_offered(
                line,
                lambda client: client.new_subscribe_to_component_updates(_Updates(self._answer_update)),
                SubscribeToComponentUpdatesRequest(),
                "updates of the component are not put off",
            )
        self._note_change()

    def _subscribe_if_offered(self, line: Line, begin: Begin, request: Any, without: str) -> None:
        try:
            self._calls.subscribe_on(line, begin, request, without)
        except LostError:
            raise
        except PIBridgeError as error:
            structlog.get_logger().info("the nucleus does not offer this", error=str(error))

    def _note_change(self) -> None:
        self._changes += 1

    def _answer_validity(self, deployment_id: str, configuration: dict[str, Any]) -> None:
        problems = self.judge(configuration)
        report = ConfigurationValidityReport(
            deployment_id=deployment_id,
            status=ConfigurationValidityStatus.REJECTED if problems else ConfigurationValidityStatus.ACCEPTED,
            message="\n".join(problems[:_MOST_REASONS]) or None,
        )
        for problem in problems:
            structlog.get_logger().error("configuration of a deployment refused", problem=problem)
        self._calls.ask(
            GreengrassCoreIPCClient.new_send_configuration_validity_report,
            SendConfigurationValidityReportRequest(configuration_validity_report=report),
            "cannot say whether the configuration is valid",
        )

    def _answer_update(self, deployment_id: str) -> None:
        is_busy = self.is_busy()
        self._calls.ask(
            GreengrassCoreIPCClient.new_defer_component_update,
            DeferComponentUpdateRequest(
                deployment_id=deployment_id,
                recheck_after_ms=DEFER_MS if is_busy else 0,
                message="records are being delivered" if is_busy else None,
            ),
            "cannot answer whether an update may come now",
        )


def _aside(answer: Callable[[], None]) -> None:
    """Answer in a thread of its own: the one that brings an event also brings the answers that are waited for."""

    def run() -> None:
        try:
            answer()
        except PIBridgeError as error:
            structlog.get_logger().warning("the nucleus was not answered", error=str(error))

    threading.Thread(target=run, name="greengrass", daemon=True).start()


class _Changed(SubscribeToConfigurationUpdateStreamHandler):  # type: ignore[misc]  # the library ships no types
    def __init__(self, note: Callable[[], None], line: Line) -> None:
        super().__init__()
        self._note = note
        self._line = line

    def on_stream_event(self, event: ConfigurationUpdateEvents) -> None:  # noqa: ARG002 - all is read anew
        self._note()

    def on_stream_error(self, error: Exception) -> bool:  # noqa: ARG002 - one event that cannot be read tells enough
        self._note()
        return False

    def on_stream_closed(self) -> None:
        # Without it changes would go unnoticed: the next look makes another connection.
        self._line.is_up = False


class _Proposed(SubscribeToValidateConfigurationUpdatesStreamHandler):  # type: ignore[misc]
    def __init__(self, answer: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__()
        self._answer = answer

    def on_stream_event(self, event: ValidateConfigurationUpdateEvents) -> None:
        asked = event.validate_configuration_update_event
        if asked is not None:
            _aside(lambda: self._answer(asked.deployment_id, asked.configuration or {}))

    def on_stream_error(self, error: Exception) -> bool:  # noqa: ARG002 - the others are still answered
        return False


class _Updates(SubscribeToComponentUpdatesStreamHandler):  # type: ignore[misc]
    def __init__(self, answer: Callable[[str], None]) -> None:
        super().__init__()
        self._answer = answer

    def on_stream_event(self, event: ComponentUpdatePolicyEvents) -> None:
        asked = event.pre_update_event
        if asked is not None:
            _aside(lambda: self._answer(asked.deployment_id))

    def on_stream_error(self, error: Exception) -> bool:  # noqa: ARG002 - the others are still answered
        return False
