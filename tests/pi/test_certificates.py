import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import trustme

from pi.tls_servers import context_for, dumb, simulated
from pibridge.pi.certificates import shown_by


async def test_the_chain_is_told_although_nobody_trusts_it() -> None:
    """The server's own certificate comes first: names, issuer, expiry and fingerprint."""
    root = trustme.CA(organization_name="Plant")
    authority = root.create_child_ca()
    async with simulated(context_for(authority, "pi.plant.example", "127.0.0.1", days=10)) as simulator:
        port = int(simulator.origin.rpartition(":")[2])
        own, above, *_ = await shown_by("127.0.0.1", port, 5)
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
    assert own.names == ("pi.plant.example", "127.0.0.1")
    assert own.issuer == above.subject
    assert "O=Plant" in above.issuer
    assert timedelta(days=9) < own.expires - datetime.now(UTC) < timedelta(days=11)
    assert own.sha256.replace(":", "").lower() == sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    assert own.sha256 in str(own)


async def test_who_speaks_no_tls_shows_none() -> None:
    """A server of something else ends in an error."""
    async with dumb() as port:
        with pytest.raises(OSError, match=r"."):
            await shown_by("127.0.0.1", port, 5)
