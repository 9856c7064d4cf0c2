from typing import Any

import pytest
from pydantic import ValidationError

from pibridge.pi.settings import BasicSettings, PiSettings

URL = "https://pi.example.com/piwebapi"


def refused(**settings: Any) -> str:
    """Give what is said against these settings."""
    with pytest.raises(ValidationError) as caught:
        PiSettings.model_validate(settings)
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in caught.value.errors())


def test_the_url_alone_is_enough() -> None:
    """All that is not the URL has the default of the documentation."""
    settings = PiSettings(url=URL)
    assert settings.auth.method == "anonymous"
    assert settings.tls.verify
    assert settings.limits.model_dump() == {
        "requests_per_second": 20,
        "concurrent_requests": 4,
        "streams_per_channel": 200,
        "items_per_request": 50_000,
    }
    assert settings.timeouts.model_dump() == {"connect": 10, "read": 60, "silent_channel": 90}


def test_durations_are_read_in_words() -> None:
    """Timeouts take durations as the rest of the configuration does."""
    settings = PiSettings.model_validate({"url": URL, "timeouts": {"connect": "500ms", "silent_channel": "2m"}})
    assert (settings.timeouts.connect, settings.timeouts.silent_channel) == (0.5, 120)


def test_a_slash_at_the_end_does_not_matter() -> None:
    """The base URL is kept without its trailing slash."""
    assert PiSettings(url=f"{URL}/").url == URL


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080"])
def test_plain_http_reaches_this_machine(host: str) -> None:
    """Plain http needs no permission where nobody can listen."""
    assert PiSettings(url=f"http://{host}/piwebapi").url.startswith("http://")


def test_plain_http_to_others_needs_permission() -> None:
    """Plain http over a network is refused with the way out, and allowed by allow_insecure."""
    problem = refused(url="http://pi.example.com/piwebapi")
    assert problem.startswith("url:")
    assert "pi.allow_insecure" in problem
    assert PiSettings(url="http://pi.example.com/piwebapi", allow_insecure=True).allow_insecure


def test_unverified_certificates_need_permission() -> None:
    """verify: false is refused with the way out, and allowed by allow_insecure."""
    problem = refused(url=URL, tls={"verify": False})
    assert problem.startswith("tls:")
    assert "ca_file" in problem
    assert not PiSettings.model_validate({"url": URL, "tls": {"verify": "false"}, "allow_insecure": "true"}).tls.verify


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("pi.example.com/piwebapi", "https://"),
        ("ftp://pi.example.com", "https://"),
        ("https://", "https://"),
        ("https://pi:port/", "no URL"),
        ("https://me:secret@pi.example.com/piwebapi", "pi.auth"),
        ("https://pi.example.com/piwebapi?x=1", "query"),
    ],
)
def test_a_wrong_url_is_explained(url: str, hint: str) -> None:
    """What is wrong with a URL is said in plain words, without repeating a password in it."""
    problem = refused(url=url)
    assert hint in problem
    assert "secret" not in problem


def test_basic_wants_a_name_that_can_be_sent() -> None:
    """A colon ends the name in HTTP Basic, and PI understands no other letters than ASCII."""
    assert "ASCII" in refused(url=URL, auth={"method": "basic", "username": "jürgen", "password": "x"})
    assert "colon" in refused(url=URL, auth={"method": "basic", "username": "a:b", "password": "x"})


def test_the_password_is_not_shown() -> None:
    """Printing the settings shows no password, and it can still be had."""
    settings = PiSettings.model_validate(
        {"url": URL, "auth": {"method": "basic", "username": "CORP\\pi", "password": "geheim"}}
    )
    assert isinstance(settings.auth, BasicSettings)
    assert "geheim" not in repr(settings)
    assert settings.auth.password.reveal() == "geheim"


@pytest.mark.parametrize(
    ("auth", "problem"),
    [
        ({"method": "bearer"}, "neither token nor client_id"),
        ({"method": "bearer", "token": "t", "client_id": "c"}, "token beside client_id"),
        ({"method": "bearer", "client_id": "c"}, "client_id without client_secret"),
        ({"method": "bearer", "client_secret": "s"}, "client_secret without client_id"),
        ({"method": "bearer", "token_url": "https://id/token"}, "token_url without client_id and client_secret"),
        (
            {"method": "bearer", "token_url": "http://id/token", "client_id": "c", "client_secret": "s"},
            "allow_insecure",
        ),
        ({"method": "bearer", "token_url": "id/token", "client_id": "c", "client_secret": "s"}, "token_url: is no web"),
        ({"method": "kerberos", "keytab": "svc.keytab"}, "add principal"),
        ({"method": "kerberos", "principal": ""}, "at least 1"),
    ],
)
def test_half_a_login_is_refused(auth: dict[str, str], problem: str) -> None:
    """What does not make a login is told before PI is asked, with what is missing or too much."""
    said = refused(url=URL, auth=auth)
    assert said.startswith("auth")
    assert problem in said


@pytest.mark.parametrize(
    "auth",
    [
        {"method": "kerberos"},
        {"method": "kerberos", "principal": "svc@CORP.EXAMPLE.COM", "keytab": "svc.keytab"},
        {"method": "bearer", "token": "t"},
        {"method": "bearer", "client_id": "c", "client_secret": "s"},
        {"method": "bearer", "client_id": "c", "client_secret": "s", "token_url": "http://127.0.0.1/t", "scope": "pi"},
    ],
)
def test_a_whole_login_is_taken(auth: dict[str, str]) -> None:
    """Tickets from the cache or a keytab; tokens that are given or fetched, in the clear only on this machine."""
    assert PiSettings.model_validate({"url": URL, "auth": auth}).auth.method == auth["method"]


def test_tokens_can_be_fetched_in_the_clear_with_permission() -> None:
    """allow_insecure holds for the identity server, too."""
    auth = {"method": "bearer", "client_id": "c", "client_secret": "s", "token_url": "http://id.example.com/token"}
    assert PiSettings.model_validate({"url": URL, "allow_insecure": True, "auth": auth})


def test_a_key_wants_its_certificate() -> None:
    """A key alone can be shown to nobody."""
    assert "cert_file" in refused(url=URL, tls={"key_file": "client.key"})


def test_an_unknown_method_names_the_known_ones() -> None:
    """A wrong method is answered with the methods there are."""
    problem = refused(url=URL, auth={"method": "ntlm"})
    assert "basic" in problem
    assert "kerberos" in problem
