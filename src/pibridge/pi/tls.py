"""Checking the server's certificate, and showing ours."""

import ssl
from pathlib import Path
from typing import Final

from pibridge.errors import ConfigurationError
from pibridge.pi.settings import TlsSettings

_CERTIFICATE: Final = b"CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"


def make_ssl_context(settings: TlsSettings) -> ssl.SSLContext:
    """Give what TLS connections to PI demand and show. ConfigurationError: a file cannot be used."""
    if settings.ca_file is not None:
        _require(settings.ca_file, "ca_file", _CERTIFICATE, "holds no certificates")
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except ssl.SSLError as error:
        raise _wrong("ca_file", f"{settings.ca_file} holds a certificate that cannot be read; write it anew") from error
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file is not None:
        _show(context, settings.cert_file, settings.key_file)
    return context


def _show(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    _require(cert_file, "cert_file", _CERTIFICATE, "holds no certificate")
    key = "cert_file" if key_file is None else "key_file"
    _require(key_file or cert_file, key, _KEY, "holds no private key")
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            reason = f"the private key in {key_file or cert_file} does not belong to the certificate in {cert_file}"
        else:
            reason = f"{key_file or cert_file} and its certificate cannot be read; the key must have no password"
        raise _wrong(key, reason) from error


def _require(file: Path, key: str, what: bytes, otherwise: str) -> None:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise _wrong(key, f"{file} cannot be read: {error.strerror}; make it readable for the daemon") from error
    if what not in text:
        raise _wrong(key, f"{file} {otherwise}; give a PEM file (-----BEGIN …)")


def _wrong(key: str, reason: str) -> ConfigurationError:
    return ConfigurationError([f"pi.tls.{key}: {reason}"])
