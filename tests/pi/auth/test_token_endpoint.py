import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from pi.auth.token_server import CLIENT, TokenServer, token_server
from pi.canned import settings_for
from pibridge.errors import PIBridgeError, UnauthorizedError, UnavailableError
from pibridge.pi.auth.token_endpoint import Token, TokenEndpoint, is_token
from pibridge.pi.settings import BearerSettings, TlsSettings
from pibridge.pi.tls import make_ssl_context


@pytest.fixture
async def identity() -> AsyncIterator[TokenServer]:
    """Run an identity server."""
    async with token_server() as running:
        yield running


async def fetch(url: str, *, secret: str = CLIENT[1], timeouts: Any = None, pi: str = "", **keys: str) -> Token:
    """Fetch a token at time 100 with these keys of `pi.auth`; without a URL from where `pi` says."""
    auth = {"method": "bearer", "client_id": CLIENT[0], "client_secret": secret, **keys}
    settings = settings_for(pi or "https://pi.example.com", auth=auth | ({"token_url": url} if url else {}))
    settings = settings.model_copy(update={"timeouts": settings.timeouts.model_copy(update=timeouts or {})})
    assert isinstance(settings.auth, BearerSettings)
    endpoint = TokenEndpoint(settings, settings.auth, make_ssl_context(TlsSettings()))
    return await endpoint.fetch(CLIENT[0], secret, 100.0)


async def test_the_client_says_who_it_is(identity: TokenServer) -> None:
    """The secret goes as HTTP Basic, characters that mean something there included; the scope only if there is one."""
    token = await fetch(f"{identity.url}/token")
    await fetch(f"{identity.url}/token", scope="pi read")
    assert token.text == "token-1"
    assert identity.asked == [
        {"how": "basic", "grant_type": "client_credentials"},
        {"how": "basic", "grant_type": "client_credentials", "scope": "pi read"},
    ]
    assert "token-1" not in repr(token)


async def test_pi_says_where_tokens_are_given(identity: TokenServer) -> None:
    """Without token_url the place is read from PI's own document, and how the secret is sent there, too."""
    assert (await fetch("", pi=identity.url)).text == "token-1"
    identity.discovered = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await fetch("", pi=identity.url)).text == "token-2"
    assert [asked["how"] for asked in identity.asked] == ["basic", "post"]


@pytest.mark.parametrize("place", ["http://id.example.com/token", "id.example.com", ""])
async def test_a_place_in_the_clear_is_not_trusted(identity: TokenServer, place: str) -> None:
    """The secret is sent in the clear to no other machine, whatever the document says."""
    identity.discovered = {"token_endpoint": place}
    with pytest.raises(UnavailableError, match=r"token_endpoint.*pi\.auth\.token_url"):
        await fetch("", pi=identity.url)
    assert identity.asked == []


async def test_no_document_names_the_way_out(identity: TokenServer) -> None:
    """A server without the document asks for token_url."""
    with pytest.raises(UnavailableError, match=r"404.*write pi\.auth\.token_url"):
        await fetch("", pi=f"{identity.url}/piwebapi")


@pytest.mark.parametrize(
    ("life", "renew_after_s", "expires_after_s"),
    [(3600, 3540, 3600), ("3600", 3540, 3600), (10, 8, 10), (0, 0, 0), (-5, 0, 0), (None, math.inf, math.inf)],
)
async def test_a_token_is_renewed_before_its_end(
    identity: TokenServer, life: Any, renew_after_s: float, expires_after_s: float
) -> None:
    """A minute before, or a fifth of a short life; a token whose end is not told is used until it is refused."""
    identity.extra["expires_in"] = life
    token = await fetch(f"{identity.url}/token")
    assert (token.renew_at, token.expires_at) == (100 + renew_after_s, 100 + expires_after_s)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, b'{"error": "invalid_client", "error_description": "geheim"}', UnauthorizedError, "client_secret"),
        (401, b"", UnauthorizedError, "client_secret"),
        (403, b"geheim", UnauthorizedError, "403"),
        (400, b'{"error": "invalid_scope"}', UnauthorizedError, r"pi\.auth\.scope"),
        (400, b'{"error": "geheim"}', UnauthorizedError, "400"),
        (404, b"", UnavailableError, r"check pi\.auth\.token_url"),
        (302, b"", UnavailableError, "302"),
        (503, b"geheim", UnavailableError, "503"),
        (200, b"geheim", UnavailableError, "not what an identity server says"),
        (200, b'{"access_token": "a", "token_type": "geheim"}', UnavailableError, "no bearer token"),
        (200, b'{"access_token": "a\\nX-Evil: geheim"}', UnavailableError, "no bearer token"),
        (200, b'{"access_token": ""}', UnavailableError, "no bearer token"),
        (200, b"{}", UnavailableError, "not what"),
    ],
)
async def test_a_refusal_is_explained(
    identity: TokenServer, status: int, body: bytes, kind: type[PIBridgeError], said: str
) -> None:
    """Who refuses the client makes us slow, who fails is asked again; nothing of the answer but its error is told."""
    identity.failure = web.Response(body=body, status=status, headers={"Location": "http://127.0.0.1:1/geheim"})
    with pytest.raises(kind, match=said) as caught:
        await fetch(f"{identity.url}/token")
    assert "geheim" not in str(caught.value)
    if isinstance(caught.value, UnauthorizedError):
        assert caught.value.status == 401


async def test_a_wrong_secret_is_a_refusal(identity: TokenServer) -> None:
    """The identity server says invalid_client, and so do we."""
    with pytest.raises(UnauthorizedError, match="invalid_client"):
        await fetch(f"{identity.url}/token", secret="geheim-wrong")


async def test_a_server_that_hangs_or_is_gone_is_given_up(identity: TokenServer, port: int) -> None:
    """A server that does not answer costs the timeout of PI; one that is gone nothing."""
    identity.free.clear()
    with pytest.raises(UnavailableError, match="in time"):
        await fetch(f"{identity.url}/token", timeouts={"read": 0.05})
    identity.free.set()
    with pytest.raises(UnavailableError, match="no connection"):
        await fetch(f"http://127.0.0.1:{port}/token")


@pytest.mark.parametrize("text", ["", "a b", "a\nb", "é", "a\x7f"])
def test_what_is_no_token(text: str) -> None:
    """Nothing goes into a header that could end it."""
    assert not is_token(text)
    assert is_token("eyJ0.eyJz-_~+/=")
