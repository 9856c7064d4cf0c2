import asyncio
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from pibridge.errors import UnavailableError
from pibridge.sinks.settings import SiteWiseLimits
from pibridge.sinks.sitewise.client import Clients, code_of, is_about_credentials, unavailable
from pibridge.sinks.sitewise.sending import Door
from sinks.sitewise.double import sitewise
from sinks.sitewise.samples import NOW_S
from sinks.sitewise.test_sending import values


def said(code: str) -> ClientError:
    """Give an error as AWS says it."""
    return ClientError({"Error": {"Code": code, "Message": "the words of AWS"}}, "Any")


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (said("ExpiredTokenException"), "renew the AWS credentials"),
        (said("AccessDeniedException"), "allow this"),
        (said("ThrottlingException"), "tried again by itself"),
        (NoCredentialsError(), "environment, profile, token exchange or instance role"),
        (EndpointConnectionError(endpoint_url="https://x"), "check network, DNS and firewall"),
    ],
)
def test_an_error_has_its_next_step(error: BotoCoreError | ClientError, hint: str) -> None:
    """What could not be done, what AWS said, what to do."""
    told = str(unavailable("do it", error, allow="allow this"))
    assert told.startswith(f"cannot do it: {code_of(error)}: ")
    assert hint in told


def test_other_credentials_could_help_where_they_were_refused() -> None:
    """Not where AWS is busy."""
    assert is_about_credentials(said("ExpiredToken"))
    assert is_about_credentials(said("AccessDenied"))
    assert not is_about_credentials(said("ThrottlingException"))
    assert not is_about_credentials(NoCredentialsError())


def test_what_was_signed_is_not_repeated() -> None:
    """The refusal of a signature repeats the request's headers, with the session token; the error does not."""
    refused = ClientError(
        {"Error": {"Code": "InvalidSignatureException", "Message": "x-amz-security-token:marker-secret"}}, "Any"
    )
    told = str(unavailable("do it", refused, allow="allow this"))
    assert "InvalidSignatureException" in told
    assert "renew the AWS credentials" in told
    assert "marker-secret" not in told


async def test_closed_clients_work_again() -> None:
    """Closing twice is no error; the next request has a client of its own, also while another one is under way."""
    async with sitewise(NOW_S) as double:
        clients = Clients("x", "eu-west-1")
        door = Door(clients, double.url, SiteWiseLimits())
        await asyncio.gather(door.send(values(10, "/a")), door.send(values(10, "/b", 20)))
        await clients.close()
        await clients.close()
        assert len((await door.send(values(10, "/c", 40))).accepted) == 10
        await clients.close()


async def test_no_credentials_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none are found, the error says where they are looked for."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(Path("no-such-file")))
    async with sitewise(NOW_S) as double:
        clients = Clients("x", "eu-west-1")
        sent = await Door(clients, double.url, SiteWiseLimits()).send(values(1, "/a"))
        assert isinstance(sent.trouble, UnavailableError)
        assert "token exchange or instance role" in str(sent.trouble)
        assert double.requests == []
        await clients.close()
