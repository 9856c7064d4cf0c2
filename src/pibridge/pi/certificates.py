"""The certificates that a server shows, trusted or not."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

_SHORT: Final = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


@dataclass(frozen=True)
class Certificate:
    """`subject`, `issuer`: their names. `names`: the hosts it is for. `sha256`: its fingerprint, hexadecimal."""

    subject: str
    issuer: str
    expires: datetime
    names: tuple[str, ...]
    sha256: str

    def __str__(self) -> str:
        return f"{self.subject}, issued by {self.issuer}, expires {self.expires:%Y-%m-%d}, SHA-256 {self.sha256}"


async def shown_by(host: str, port: int, timeout_s: float) -> list[Certificate]:
    """Give the certificates that the server shows, its own first; nothing is checked, and nothing is sent.

    Raises OSError (ssl.SSLError is one) and TimeoutError.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(timeout_s):
        _reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        # Python gives the chain by a public name only from 3.13 on, and then without what is in it.
        chain = writer.get_extra_info("ssl_object")._sslobj.get_unverified_chain()  # noqa: SLF001
        return [_certificate(each) for each in chain or ()]
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(timeout_s):
                await writer.wait_closed()


def _certificate(shown: Any) -> Certificate:
    told = shown.get_info()
    digest = sha256(ssl.PEM_cert_to_DER_cert(shown.public_bytes())).hexdigest().upper()
    return Certificate(
        subject=_name(told["subject"]),
        issuer=_name(told["issuer"]),
        expires=datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC),
        names=tuple(value for _, value in told.get("subjectAltName", ())),
        sha256=":".join(digest[at : at + 2] for at in range(0, len(digest), 2)),
    )


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """Write a distinguished name with its most telling part first."""
    return ", ".join(f"{_SHORT.get(key, key)}={value}" for part in reversed(parts) for key, value in part) or "nobody"
