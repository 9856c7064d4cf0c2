"""What it means that no answer came: an exception of aiohttp in, UnavailableError out. Pure."""

from typing import Final

import aiohttp

from pibridge.errors import UnavailableError

CERTIFICATE_HINT: Final = (
    "if the plant has its own CA, give its PEM bundle as pi.tls.ca_file; the certificate must name the host"
)


def unanswered(error: Exception, about: str, host: str) -> UnavailableError:
    """Give the error for a request that got no answer.

    It is not to be raised `from` the exception: those of aiohttp hold the headers that were sent.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        reason = getattr(getattr(error, "certificate_error", error), "verify_message", "") or "the TLS handshake failed"
        return UnavailableError(f"the certificate of {host} was not accepted: {reason}", hint=CERTIFICATE_HINT)
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or str(error.os_error) or type(error.os_error).__name__
        return UnavailableError(f"no connection to {host}: {reason}")
    if isinstance(error, TimeoutError):
        return UnavailableError(f"{host} did not answer {about} in time")
    return UnavailableError(f"the answer of {host} to {about} broke off: {type(error).__name__}")
