import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pi.auth.token_server import CLIENT, TokenServer, token_server
from pi.canned import AT_ONCE, point_of, settings_for
from pibridge.config.references import References
from pibridge.errors import UnauthorizedError, UnavailableError
from pibridge.model.settings import Secret
from pibridge.pi.auth.bearer import FetchedToken, FixedToken
from pibridge.pi.auth.token_endpoint import TokenEndpoint
from pibridge.pi.channel import open_channel
from pibridge.pi.client import PiClient
from pibridge.pi.landing import landing
from pibridge.pi.settings import BearerSettings, TlsSettings
from pibridge.pi.tls import make_ssl_context
from pibridge.simulator import Simulator, SimulatorSettings


class Clock:
    """Moves when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@pytest.fixture
async def identity() -> AsyncIterator[TokenServer]:
    """Run an identity server."""
    async with token_server() as running:
        yield running


@pytest.fixture
async def plant(identity: TokenServer) -> AsyncIterator[Simulator]:
    """Run a PI Web API that takes the tokens of that server."""
    async with Simulator(SimulatorSettings(tokens=identity.tokens, channel_interval_s=0.1)) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """Give a clock at zero."""
    return Clock()


def fetching(identity: TokenServer, clock: Clock, secret: Secret | None = None) -> FetchedToken:
    """Give who fetches tokens there."""
    auth = {"method": "bearer", "client_id": "x", "client_secret": "y", "token_url": f"{identity.url}/token"}
    settings = settings_for("https://pi.example.com", auth=auth, timeouts={"read": "1s"})
    assert isinstance(settings.auth, BearerSettings)
    endpoint = TokenEndpoint(settings, settings.auth, make_ssl_context(TlsSettings()))
    return FetchedToken(CLIENT[0], secret or Secret.of(CLIENT[1]), endpoint, monotonic=clock)


async def sent(auth: FetchedToken | FixedToken) -> str:
    """Give what would be sent now."""
    return (await auth.credentials()).headers["Authorization"]


@asynccontextmanager
async def connector(plant: Simulator, identity: TokenServer, **auth: Any) -> AsyncIterator[PiClient]:
    """Open a client that fetches its tokens."""
    keys = {
        "method": "bearer",
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        "token_url": f"{identity.url}/token",
    }
    async with PiClient(settings_for(plant.url, auth=keys | auth), retries=AT_ONCE) as client:
        yield client


async def test_a_token_is_used_until_it_is_old(identity: TokenServer, clock: Clock) -> None:
    """One token serves many requests; a new one is fetched before the end of the old one."""
    auth = fetching(identity, clock)
    assert [await sent(auth), await sent(auth)] == ["Bearer token-1"] * 2
    clock.now = 3539
    assert await sent(auth) == "Bearer token-1"
    clock.now = 3540
    assert [await sent(auth), await sent(auth)] == ["Bearer token-2"] * 2


async def test_one_fetches_for_all(identity: TokenServer, clock: Clock) -> None:
    """Requests that need a token at the same time wait for one fetch, also for one that fails."""
    identity.free.clear()
    auth = fetching(identity, clock)
    waiting = [asyncio.create_task(sent(auth)) for _ in range(5)]
    asyncio.get_running_loop().call_later(0.05, identity.free.set)
    assert await asyncio.gather(*waiting) == ["Bearer token-1"] * 5
    wrong = fetching(identity, clock, Secret.of("wrong"))
    errors = await asyncio.gather(*(sent(wrong) for _ in range(5)), return_exceptions=True)
    assert [type(error) for error in errors] == [UnauthorizedError] * 5
    assert len(identity.asked) == 2


async def test_an_early_renewal_may_fail(identity: TokenServer, clock: Clock) -> None:
    """While a token is good, an identity server that is away stops nobody; afterwards it does."""
    auth = fetching(identity, clock)
    await sent(auth)
    identity.failure = web.Response(status=503)
    clock.now = 3550
    assert [await sent(auth), await sent(auth)] == ["Bearer token-1"] * 2
    assert len(identity.asked) == 2
    clock.now = 3560
    assert await sent(auth) == "Bearer token-1"
    assert len(identity.asked) == 3
    clock.now = 3600
    with pytest.raises(UnavailableError, match="503"):
        await sent(auth)
    identity.failure = None
    assert await sent(auth) == "Bearer token-5"


async def test_a_refused_token_is_forgotten_once(identity: TokenServer, clock: Clock) -> None:
    """Requests that were refused with one token share its successor."""
    auth = fetching(identity, clock)
    first, second = await auth.credentials(), await auth.credentials()
    assert first.refused()
    assert await sent(auth) == "Bearer token-2"
    assert second.refused()
    assert await sent(auth) == "Bearer token-2"


async def test_a_rotated_secret_is_found(identity: TokenServer, clock: Clock, tmp_path: Path) -> None:
    """A new text behind `${file:…}` is used for the next token, and has another fingerprint."""
    file = tmp_path / "secret"
    file.write_text(f"{CLIENT[1]}\n", encoding="utf-8")
    auth = fetching(identity, clock, References({}).secret(f"${{file:{file}}}"))
    await sent(auth)
    before = auth.fingerprint()
    identity.secret = "another"
    file.write_text("another\n", encoding="utf-8")
    assert auth.fingerprint() != before
    clock.now = 3600
    assert await sent(auth) == "Bearer token-2"


async def test_a_fixed_token_is_read_for_each_request(tmp_path: Path) -> None:
    """A rotated token is found by itself; a text that is no token is not sent."""
    file = tmp_path / "token"
    file.write_text("one\n", encoding="utf-8")
    auth = FixedToken(References({}).secret(f"${{file:{file}}}"))
    before = auth.fingerprint()
    assert await sent(auth) == "Bearer one"
    file.write_text("two\n", encoding="utf-8")
    assert await sent(auth) == "Bearer two"
    assert auth.fingerprint() != before
    file.write_text("Bearer geheim\n", encoding="utf-8")
    with pytest.raises(UnavailableError, match="without Bearer") as caught:
        await sent(auth)
    assert "geheim" not in str(caught.value)


async def test_pi_takes_the_token_on_requests_and_channels(plant: Simulator, identity: TokenServer) -> None:
    """Requests and channels go with one token, and PI knows the client by it."""
    async with connector(plant, identity) as client:
        assert (await landing(client)).user == CLIENT[0]
        async with open_channel(client, [await point_of(client)]) as channel:
            await channel.receive()
    assert len(identity.asked) == 1


async def test_a_revoked_token_disturbs_nothing(plant: Simulator, identity: TokenServer) -> None:
    """A token that PI refuses is fetched anew at once, without a refusal that anybody notices."""
    async with connector(plant, identity) as client:
        await landing(client)
        identity.tokens.clear()
        assert (await landing(client)).user == CLIENT[0]
        assert client.gate.is_open
    assert len(identity.asked) == 2


async def test_a_client_that_is_refused_becomes_slow(plant: Simulator, identity: TokenServer) -> None:
    """invalid_client closes the gate: one login, however many requests wait; a mended secret opens it."""
    async with connector(plant, identity, client_secret="wrong") as client:
        with pytest.raises(UnauthorizedError, match="invalid_client"):
            await landing(client)
        assert not client.gate.is_open
        assert len(identity.asked) == 1
        identity.secret = "wrong"
        client.try_now()
        assert (await landing(client)).user == CLIENT[0]
        assert client.gate.is_open


async def test_an_identity_server_that_comes_back_is_used(plant: Simulator, identity: TokenServer) -> None:
    """While it fails, requests are unavailable; then they pass, and nothing was taken for a refusal."""
    identity.failure = web.Response(status=500)
    async with connector(plant, identity) as client:
        with pytest.raises(UnavailableError, match="500"):
            await landing(client)
        assert client.gate.is_open
        identity.failure = None
        assert (await landing(client)).user == CLIENT[0]


async def test_a_channel_that_takes_no_tokens_is_explained(identity: TokenServer) -> None:
    """Where PI refuses tokens on channels, requests go on, and the error names the way out."""
    settings = SimulatorSettings(tokens=identity.tokens, bearer_on_channels=False)
    async with Simulator(settings) as plant, connector(plant, identity) as client:
        point = await point_of(client)
        with pytest.raises(UnauthorizedError, match="via: updates"):
            async with open_channel(client, [point]):
                pass
        client.try_now()
        assert (await landing(client)).user == CLIENT[0]
