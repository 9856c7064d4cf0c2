"""Checking the server's certificate."""

import ssl

from pibridge.errors import ConfigurationError
from pibridge.pi.settings import TlsSettings

HINT = (
    "if the plant has its own CA, give its PEM bundle as pi.tls.ca_file; the host in pi.url must be in the certificate"
)


def make_ssl_context(settings: TlsSettings) -> ssl.SSLContext:
    """Give what TLS connections to PI demand. ConfigurationError: the CA file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except ssl.SSLError as error:
        raise ConfigurationError(
            [f"pi.tls.ca_file: {settings.ca_file} holds no certificates; give a PEM file (-----BEGIN CERTIFICATE-----)"]
        ) from error
    except OSError as error:
        raise ConfigurationError([f"pi.tls.ca_file: {settings.ca_file} cannot be read: {error.strerror}"]) from error
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
