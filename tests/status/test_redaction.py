from pathlib import Path
from typing import Any

import pytest

from pibridge.status.redaction import HIDDEN, redacted

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwaSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "token", "Authorization", "api_key", "aws_session_token"]
)
def test_a_field_that_is_named_like_a_secret_is_hidden(name: str) -> None:
    """Whatever it holds; one that is empty stays, for that is worth knowing."""
    assert redacted(name, "hunter2") == HIDDEN
    assert redacted(name, "") == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://svc:hunter2@pi.example.com/piwebapi failed", "GET https://***@pi.example.com/piwebapi failed"),
        ("sent Authorization: Bearer abcdefgh12345678ijkl", "sent Authorization: Bearer ***"),
        ("Basic c3ZjLXBpOmh1bnRlcjI= was refused", "Basic *** was refused"),
        (f"the server says {JWT} expired", "the server says *** expired"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=0a1b2c&x=1",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=***&x=1",
        ),
        ("posted client_secret=s3cr3t&scope=pi", "posted client_secret=***&scope=pi"),
        ('{"password": "hunter2", "user": "svc"}', '{"password": ***", "user": "svc"}'),
    ],
)
def test_secrets_within_texts_are_hidden(text: str, shown: str) -> None:
    """Credentials in web addresses, headers, tokens and signed addresses go; the rest of the text stays."""
    assert redacted("error", text) == shown


@pytest.mark.parametrize(
    "value",
    [
        "PI refuses Basic authentication",
        "the bearer method needs a token",
        r"\\PISRV1\R1.Temperature is unknown",
        "https://pi.example.com/piwebapi answered 503",
        "2026-03-01T12:00:00Z",
        12,
        None,
        Path("journal"),
    ],
)
def test_what_is_no_secret_stays(value: Any) -> None:
    """Log lines keep their sense."""
    assert redacted("error", value) == value


def test_what_lies_within_is_found() -> None:
    """Lists, objects and errors are looked through."""
    inside = {"streams": ["a", "b"], "auth": {"password": "hunter2"}, "urls": ("http://u:p@h/",)}
    assert redacted("changes", inside) == {
        "streams": ["a", "b"],
        "auth": {"password": HIDDEN},
        "urls": ["http://***@h/"],
    }
    assert redacted("error", ValueError("token=abc")) == "token=***"
