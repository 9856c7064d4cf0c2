import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pi.auth.kdc import REALM, Kdc, kdc
from pi.canned import AT_ONCE, CannedServer, point_of, said, settings_for
from pibridge.errors import UnauthorizedError, UnavailableError
from pibridge.pi.channel import open_channel
from pibridge.pi.client import PiClient
from pibridge.pi.landing import landing
from pibridge.pi.url_groups import URL_BYTES_BESIDE_TICKET
from pibridge.simulator import Simulator, SimulatorSettings
from waiting import eventually

__all__ = ["kdc"]

SVC = f"svc@{REALM}"


@pytest.fixture
async def plant(kdc: Kdc) -> AsyncIterator[Simulator]:
    """Run a PI Web API that verifies tickets."""
    async with Simulator(SimulatorSettings(keytab=kdc.keytab, channel_interval_s=0.1)) as running:
        yield running


@pytest.fixture
def keytab(kdc: Kdc, tmp_path: Path) -> Path:
    """Give the account `svc`, and its key."""
    kdc.account("svc", "+requires_preauth")
    return kdc.key("svc", tmp_path / "kdc" / "svc.keytab")


async def lacks_tickets() -> bool:
    """Tell whether the credential cache is of no use any more."""
    from pibridge.pi.auth.kerberos import Kerberos  # noqa: PLC0415 - needs gssapi

    try:
        await Kerberos("localhost", None, None).credentials()
    except UnavailableError:
        return True
    return False


@asynccontextmanager
async def connector(url: str, **auth: Any) -> AsyncIterator[PiClient]:
    """Open a client that logs in with Kerberos at a server on this machine."""
    settings = settings_for(
        url.replace("127.0.0.1", "localhost"), auth={"method": "kerberos", **auth}, timeouts={"connect": "5s"}
    )
    async with PiClient(settings, retries=AT_ONCE) as client:
        yield client


async def test_a_keytab_opens_requests_and_channels(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """Each request and each channel carries a ticket of its own, from one login; PI knows the account by it."""
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        assert (await landing(client)).user == SVC
        before = kdc.logins()
        await asyncio.gather(*(landing(client) for _ in range(5)))
        async with open_channel(client, [await point_of(client)]) as channel:
            await channel.receive()
        assert client.url_bytes == URL_BYTES_BESIDE_TICKET
    assert kdc.logins() == before


async def test_requests_together_log_in_once(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """However many requests wait for the first ticket, the account logs in once, also when it is refused."""
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        await landing(client)
    one = kdc.logins()
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        await asyncio.gather(*(landing(client) for _ in range(4)))
    assert kdc.logins() == 2 * one


async def test_the_credential_cache_is_read_each_time(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """Without a keytab, kinit opens; what it holds has expired or changed is seen at the next request."""
    kdc.account("other")
    kdc.key("other", keytab.with_name("other.keytab"))
    async with connector(plant.url) as client:
        with pytest.raises(UnavailableError, match="kinit"):
            await landing(client)
        kdc.kinit("svc", "-l", "3s")
        assert (await landing(client)).user == SVC

        await eventually(lacks_tickets)
        with pytest.raises(UnavailableError, match="Ticket expired") as caught:
            await landing(client)
        assert "kinit" in caught.value.hint
        kdc.kinit("other")
        assert (await landing(client)).user == f"other@{REALM}"
        assert client.gate.is_open


async def test_tickets_are_renewed_before_they_expire(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """With a keytab, requests go on beyond the life of a ticket, and nobody notices."""
    kdc.say('modprinc -maxlife "3 seconds" svc')
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        await landing(client)
        end = asyncio.get_running_loop().time() + 5
        first = kdc.logins()

        async def outlived() -> bool:
            await landing(client)
            return asyncio.get_running_loop().time() > end

        await eventually(outlived)
    assert kdc.logins() > first


async def test_a_domain_that_is_away_is_waited_for(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """Without the domain there is no first ticket, and no refusal; when it is back, requests pass."""
    kdc.stop()
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        with pytest.raises(UnavailableError, match="Cannot contact any KDC") as caught:
            await landing(client)
        assert "krb5.conf" in caught.value.hint
        assert client.gate.is_open
        await kdc.start()
        assert (await landing(client)).user == SVC
        kdc.stop()
        assert (await landing(client)).user == SVC


async def test_a_service_that_nobody_registered_is_explained(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """A host without a service name in the domain names it and what to do."""
    kdc.say("delprinc -force HTTP/localhost")
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        with pytest.raises(UnavailableError, match="HTTP/localhost") as caught:
            await landing(client)
    assert "setspn" in caught.value.hint


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("cpw -pw other svc", "new keytab"),
        ("modprinc -allow_tix svc", "disabled or locked"),
        ("modprinc -expire yesterday svc", "expired"),
    ],
)
async def test_an_account_that_is_refused_becomes_slow(
    plant: Simulator, kdc: Kdc, keytab: Path, command: str, hint: str
) -> None:
    """A domain that refuses the account closes the gate after one try, so that nothing gets locked."""
    kdc.say(command)
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        with capture_logs() as lines, pytest.raises(UnauthorizedError) as caught:
            await landing(client)
        assert hint in caught.value.hint
        assert not client.gate.is_open
        assert [line["event"] for line in lines] == ["PI refuses our login"]
        assert plant.requests == 0


async def test_a_keytab_of_somebody_else_is_explained(plant: Simulator, keytab: Path) -> None:
    """A key table without a key of the account says where to look."""
    async with connector(plant.url, principal=f"other@{REALM}", keytab=str(keytab)) as client:
        with pytest.raises(UnavailableError, match="klist -k"):
            await landing(client)


async def test_a_new_keytab_is_tried_at_once(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """Who waits after a refusal sees that the keytab was written anew."""
    kdc.say("cpw -pw other svc")
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        with pytest.raises(UnauthorizedError):
            await landing(client)
        keytab.unlink()  # noqa: ASYNC240 - a small file
        with pytest.raises(UnavailableError, match=r"pi\.auth\.keytab.*No such file"):
            await landing(client)
        kdc.key("svc", keytab)
        async with asyncio.timeout(4):
            assert (await landing(client)).user == SVC


async def test_a_service_with_a_new_key_gets_a_new_ticket(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """When the service has got another key, tickets that worked are got anew, and the request passes."""
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        await landing(client)
        kdc.keytab.unlink()
        kdc.key("HTTP/localhost", kdc.keytab)
        assert (await landing(client)).user == SVC
        assert client.gate.is_open


async def test_a_ticket_that_pi_refuses_closes_the_gate(plant: Simulator, kdc: Kdc, keytab: Path) -> None:
    """A service that cannot read tickets refuses us, as a wrong password would."""
    kdc.keytab.unlink()
    async with connector(plant.url, principal=SVC, keytab=str(keytab)) as client:
        with pytest.raises(UnauthorizedError, match="401"):
            await landing(client)
        assert not client.gate.is_open
    kdc.kinit("svc")
    async with connector(plant.url) as client:
        with pytest.raises(UnauthorizedError, match="401"):
            await landing(client)


@pytest.mark.parametrize("proof", ["Negotiate bm8gcHJvb2Y=", "Negotiate ???"])
async def test_a_server_that_proves_nothing_is_not_believed(keytab: Path, server: CannedServer, proof: str) -> None:
    """An answer whose proof is wrong is no answer of PI; one without proof is left to TLS."""
    answer = said({"Links": {"DataServers": "x"}})
    answer.headers["WWW-Authenticate"] = proof
    server.on("/", answer)
    server.on("/streamsets/channel", answer)
    async with connector(server.url, principal=SVC, keytab=str(keytab)) as client:
        with pytest.raises(UnavailableError, match="server that the Kerberos ticket is for"):
            await landing(client)
        server.on("/", said({"Links": {"DataServers": "x"}}))
        server.on("/system", said({}))
        server.on("/system/userinfo", said({}))
        await landing(client)


async def test_the_fingerprint_is_that_of_the_files(kdc: Kdc, keytab: Path) -> None:
    """It changes with the keytab or the cache, and a cache that is no file has none."""
    from pibridge.pi.auth.kerberos import Kerberos  # noqa: PLC0415 - needs gssapi

    with_key = Kerberos("localhost", SVC, keytab)
    before = with_key.fingerprint()
    kdc.key("svc", keytab)
    assert with_key.fingerprint() != before
    cached = Kerberos("localhost", None, None)
    assert cached.fingerprint() is None
    kdc.kinit("svc")
    assert cached.fingerprint() is not None
    os.environ["KRB5CCNAME"] = "KCM:"
    assert cached.fingerprint() is None
