"""What stands between us and PI below HTTP: names, ports, TLS."""

import asyncio
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from pibridge.errors import UnavailableError
from pibridge.pi.answers import OK, UNAUTHORIZED
from pibridge.pi.certificates import Certificate, shown_by
from pibridge.pi.failures import CERTIFICATE_HINT, OTHER_ADDRESS, OTHER_NAME, remedy
from pibridge.pi.settings import PiSettings
from pibridge.pi.tls import make_ssl_context

_USUAL_PATH: Final = "/piwebapi"
_PORTS: Final = {"http": 80, "https": 443}


def address(settings: PiSettings) -> tuple[str, int]:
    """Give host and port of `pi.url`."""
    parts = urlsplit(settings.url)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


async def reach(settings: PiSettings) -> None:
    """Try name, connection and TLS one after the other. Raises UnavailableError with what the first to fail needs."""
    host, port = address(settings)
    timeout_s = settings.timeouts.connect
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(
            f"the name {host} does not resolve: {error.strerror}",
            hint="check the host in pi.url, and DNS or the hosts file of this machine",
        ) from error
    try:
        await _connected(host, port, timeout_s, None)
    except TimeoutError as error:
        raise UnavailableError(
            f"no connection to {host}:{port}: nothing answers within {timeout_s:g} s",
            hint="check host and port in pi.url; a firewall between here and there may drop what we send",
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"no connection to {host}:{port}: {error.strerror or error}",
            hint="check the port in pi.url, that PI Web API runs, and the firewalls on the way",
        ) from error
    certificates = await _certificates(settings, host, port)
    if not certificates:
        return
    try:
        await _connected(host, port, timeout_s, make_ssl_context(settings.tls))
    except ssl.SSLCertVerificationError as error:
        raise UnavailableError(
            f"the certificate of {host} was not accepted: {error.verify_message}",
            hint=_remedy(error.verify_code, certificates),
        ) from error
    except (OSError, TimeoutError) as error:
        failed = f"the TLS handshake with {host}:{port} failed: {error}"
        raise UnavailableError(failed, hint=CERTIFICATE_HINT) from error


async def _certificates(settings: PiSettings, host: str, port: int) -> list[Certificate]:
    """Give what the server shows, nothing over plain http. Raises UnavailableError: it speaks otherwise than pi.url."""
    timeout_s = settings.timeouts.connect
    is_https = urlsplit(settings.url).scheme == "https"
    try:
        certificates = await shown_by(host, port, timeout_s)
    except (OSError, TimeoutError) as error:
        if not is_https:
            return []
        if await _speaks_http(host, port, timeout_s):
            raise UnavailableError(
                f"{host}:{port} speaks plain http, and pi.url says https",
                hint="give the port of https (443, if none is written); plain http:// needs pi.allow_insecure: true",
            ) from error
        reason = getattr(error, "reason", None) or error or "no answer"
        raise UnavailableError(
            f"the TLS handshake with {host}:{port} failed: {reason}",
            hint="check that the port is that of PI Web API, and that the server allows TLS 1.2 or later",
        ) from error
    if not is_https:
        raise UnavailableError(f"{host}:{port} speaks https, and pi.url says http", hint="write https:// in pi.url")
    return certificates


async def piwebapi_beside(settings: PiSettings) -> str:
    """Give the URL below which a PI Web API answers on the same host, if pi.url has another path; empty: none does.

    No credentials are sent.
    """
    parts = urlsplit(settings.url)
    url = f"{parts.scheme}://{parts.netloc}{_USUAL_PATH}"
    if parts.path.casefold() == _USUAL_PATH:
        return ""
    timeout = aiohttp.ClientTimeout(total=settings.timeouts.connect)
    connector = aiohttp.TCPConnector(ssl=make_ssl_context(settings.tls))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(f"{url}/", allow_redirects=False) as answer,
        ):
            is_there = answer.status == UNAUTHORIZED or (answer.status == OK and b"DataServers" in await answer.read())
            return url if is_there else ""
    except (aiohttp.ClientError, OSError, TimeoutError):
        return ""


async def _connected(host: str, port: int, timeout_s: float, context: ssl.SSLContext | None) -> None:
    async with asyncio.timeout(timeout_s):
        _reader, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.transport.abort()


async def _speaks_http(host: str, port: int, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read(5)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return answer == b"HTTP/"


def _remedy(code: int, certificates: list[Certificate]) -> str:
    own = certificates[0] if certificates else None
    if code in {OTHER_NAME, OTHER_ADDRESS} and own is not None:
        return f"write a name in pi.url that the certificate is for: {', '.join(own.names) or own.subject}"
    return remedy(code)
