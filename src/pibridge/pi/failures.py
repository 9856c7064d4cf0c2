"""What it means that no answer came: an exception of aiohttp in, UnavailableError out. Pure."""

from typing import Final

import aiohttp

from pibridge.errors import UnavailableError

NOT_YET_VALID, EXPIRED, OTHER_NAME, OTHER_ADDRESS = 9, 10, 62, 64
UNKNOWN_CA: Final = frozenset({18, 19, 20, 21})
"""OpenSSL's X509_V_ERR_…"""
CERTIFICATE_HINT: Final = (
    "if the plant has its own CA, give its PEM bundle as pi.tls.ca_file; the certificate must name the host"
)

_NO_CONNECTION: Final = "check that PI Web API runs, pi.url, and network, DNS and firewalls on the way"
_TOO_SLOW: Final = "look what keeps PI Web API busy; lower pi.limits, or give it longer by pi.timeouts.read"
_BROKEN_OFF: Final = "it is asked again by itself; if often, look at PI Web API and at proxies on the way"


def remedy(code: int) -> str:
    """Give what to do about a certificate that was not accepted, by the code of OpenSSL."""
    if code in {EXPIRED, NOT_YET_VALID}:
        return "renew the certificate on the PI Web API server, or set this machine's clock if it is wrong"
    if code in {OTHER_NAME, OTHER_ADDRESS}:
        return "write a name in pi.url that the certificate is for: pibridge check tells them"
    if code in UNKNOWN_CA:
        return (
            "give the PEM file of the CA that issued it as pi.tls.ca_file; of a self-signed one the certificate itself,"
            " after comparing its fingerprint on the server"
        )
    return CERTIFICATE_HINT


def unanswered(error: Exception, about: str, host: str) -> UnavailableError:
    """Give the error for a request that got no answer.

    It is not to be raised `from` the exception: those of aiohttp hold the headers that were sent.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        cause = getattr(error, "certificate_error", error)
        reason = getattr(cause, "verify_message", "") or "the TLS handshake failed"
        hint = remedy(getattr(cause, "verify_code", 0))
        return UnavailableError(f"the certificate of {host} was not accepted: {reason}", hint=hint)
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or str(error.os_error) or type(error.os_error).__name__
        return UnavailableError(f"no connection to {host}: {reason}", hint=_NO_CONNECTION)
    if isinstance(error, TimeoutError):
        return UnavailableError(f"{host} did not answer {about} in time", hint=_TOO_SLOW)
    return UnavailableError(f"the answer of {host} to {about} broke off: {type(error).__name__}", hint=_BROKEN_OFF)
