import pytest

from pibridge.sinks.mqtt_reasons import Advice, named

ADVICE = Advice(sink="bus", address="the broker b:1883", login="let us in", right="let us publish", certificates="tls")


def test_a_forbidden_topic_names_the_right_that_is_missing() -> None:
    """Not authorized, as an answer to a publish, is about the topic."""
    trouble = ADVICE.puback("a/b", 135)
    assert (trouble.what, trouble.hint) == (
        "the broker b:1883 refuses topic a/b: Not authorized (135)",
        "let us publish",
    )


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (135, "let us in"),
        (134, "let us in"),
        (133, "write another sinks.bus.client_id"),
        (132, "write sinks.bus.protocol: 3.1.1"),
        (151, "lower sinks.bus.limits"),
        (142, "another client uses me: give each its own sinks.bus.client_id"),
        (154, "write sinks.bus.retain: false"),
        (136, "it is tried again by itself"),
    ],
)
def test_each_reason_has_its_next_step(code: int, hint: str) -> None:
    """Whether a connection is refused or ended, the reader learns the code and what to do."""
    for trouble in (ADVICE.connack("me", code), ADVICE.disconnect("me", code)):
        assert trouble.hint.startswith(hint)
        assert named(code) in trouble.what
        assert "client me" in trouble.what


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("AWS_IO_DNS_INVALID_NAME", "correct the host name"),
        ("AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE", "check tls of sinks.bus"),
        ("AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE", "renew the AWS credentials"),
        ("AWS_AUTH_CREDENTIALS_PROVIDER_INVALID_ENVIRONMENT", "give pibridge AWS credentials"),
        ("AWS_ERROR_MQTT_PROTOCOL_ERROR", "it may refuse client me: let us in"),
        ("AWS_ERROR_MQTT_UNEXPECTED_HANGUP", "its log says why; a second client with the name me"),
        ("something new", "check network and firewall"),
    ],
)
def test_what_the_library_meets_has_its_next_step(name: str, hint: str) -> None:
    """Errors on the way are told by the library's name, and what to do."""
    trouble = ADVICE.library("me", name, "it says.")
    assert trouble.what == f"no connection to the broker b:1883: {name}: it says"
    assert trouble.hint.startswith(hint)


def test_an_error_is_a_new_one_each_time() -> None:
    """What several wait for is raised for each of them, with text and hint."""
    trouble = ADVICE.connack("me", 137)
    assert trouble.error() is not trouble.error()
    assert str(trouble.error()) == f"{trouble.what} ({trouble.hint})"
