"""What a nucleus of tests knows of the one component: its configuration, its states, its secrets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from greengrass.frames import APPLICATION_MESSAGE, TERMINATE_STREAM

NAME: Final = "io.pibridge.Connector"


class OperationError(Exception):
    """An answer of type APPLICATION_ERROR. `model`: such as ServiceError."""

    def __init__(self, model: str, message: str = "") -> None:
        super().__init__(message)
        self.model = model


@dataclass(frozen=True)
class Subscriber:
    """A stream of a component's connection, to which events are sent."""

    send: Callable[[int, int, int, str, dict[str, Any]], None]
    stream: int

    def tell(self, model: str, event: dict[str, Any]) -> None:
        """Send an event."""
        self.send(self.stream, APPLICATION_MESSAGE, 0, model, event)

    def end(self) -> None:
        """Send no more."""
        self.send(self.stream, APPLICATION_MESSAGE, TERMINATE_STREAM, "ConfigurationUpdateEvents", {})


class Deployed:
    """The component in the nucleus. `configuration`: None: it has none. `offers`: operations beside those of lite.

    What it said, in order: `states`, `validity` (reports on proposed configurations), `deferred` (answers to announced
    updates). `secrets`: text by name; `secrets_read`: names, as often as they were asked for.
    """

    def __init__(self, *, lite: bool) -> None:
        self.configuration: dict[str, Any] | None = None
        self.states: list[str] = []
        self.validity: list[dict[str, Any]] = []
        self.deferred: list[dict[str, Any]] = []
        self.secrets: dict[str, str] = {}
        self.secrets_read: list[str] = []
        self.subscribers: dict[str, list[Subscriber]] = {}
        self.configurations_read = 0
        self._lite = lite
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "GetConfiguration": self._get_configuration,
            "UpdateState": self._update_state,
            "SubscribeToConfigurationUpdate": lambda _: {},
        }
        if not lite:
            self.operations |= {
                "SubscribeToValidateConfigurationUpdates": lambda _: {},
                "SendConfigurationValidityReport": self._report_validity,
                "SubscribeToComponentUpdates": lambda _: {},
                "DeferComponentUpdate": self._defer,
                "GetSecretValue": self._get_secret,
            }

    def perform(self, operation: str, request: dict[str, Any], subscriber: Subscriber) -> dict[str, Any]:
        """Do what is asked for, and give the answer. Raises OperationError."""
        answer = self.operations[operation](request)
        if operation.startswith("Subscribe"):
            self.subscribers.setdefault(operation, []).append(subscriber)
        return answer

    def end_subscriptions(self) -> None:
        """End the streams of events, and leave the connections."""
        for subscribers in self.subscribers.values():
            for subscriber in subscribers:
                subscriber.end()
        self.subscribers.clear()

    def forget_subscribers(self) -> None:
        """Have no connections any more."""
        self.subscribers.clear()

    def change(self, configuration: dict[str, Any], *, events: int = 1) -> None:
        """Deploy another configuration; who follows it is told so, once for each key that changed."""
        self.configuration = configuration
        event = {"configurationUpdateEvent": {"componentName": NAME, "keyPath": []}}
        for _ in range(events):
            self._tell("SubscribeToConfigurationUpdate", "ConfigurationUpdateEvents", event)

    def propose(self, configuration: dict[str, Any], deployment: str) -> None:
        """Ask whether a configuration is valid, before it is deployed."""
        event = {"validateConfigurationUpdateEvent": {"configuration": configuration, "deploymentId": deployment}}
        self._tell("SubscribeToValidateConfigurationUpdates", "ValidateConfigurationUpdateEvents", event)

    def announce_update(self, deployment: str) -> None:
        """Ask whether the component may be updated now."""
        event = {"preUpdateEvent": {"deploymentId": deployment, "isGgcRestarting": False}}
        self._tell("SubscribeToComponentUpdates", "ComponentUpdatePolicyEvents", event)

    def _tell(self, operation: str, model: str, event: dict[str, Any]) -> None:
        for subscriber in self.subscribers.get(operation, ()):
            subscriber.tell(model, event)

    def _get_configuration(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["keyPath"] == []
        self.configurations_read += 1
        if self.configuration is None:
            raise OperationError("ResourceNotFoundError", "Key not found")
        value = _as_texts(self.configuration) if self._lite else self.configuration
        return {"componentName": NAME, "value": value}

    def _update_state(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["state"] in {"RUNNING", "ERRORED"}
        self.states.append(request["state"])
        return {}

    def _report_validity(self, request: dict[str, Any]) -> dict[str, Any]:
        self.validity.append(request["configurationValidityReport"])
        return {}

    def _defer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.deferred.append(request)
        return {}

    def _get_secret(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["secretId"]
        self.secrets_read.append(name)
        if name not in self.secrets:
            raise OperationError("ResourceNotFoundError", f"secret {name} not found")
        secret = {"secretString": self.secrets[name]}
        return {"secretId": name, "versionId": "1", "versionStage": ["AWSCURRENT"], "secretValue": secret}


def _as_texts(value: Any) -> Any:
    """Give a tree as lite keeps one from YAML: numbers and booleans are texts."""
    if isinstance(value, dict):
        return {key: _as_texts(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_as_texts(below) for below in value]
    return str(value).lower() if isinstance(value, bool | int | float) else value
