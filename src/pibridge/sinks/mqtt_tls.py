"""The certificates of an MQTT connection: those that are trusted, and the one that is shown."""

from collections.abc import Sequence
from pathlib import Path

from awscrt.io import ClientTlsContext, TlsContextOptions

from pibridge.errors import UnavailableError


def tls_context(  # noqa: PLR0913 - all that TLS is asked for
    about: str,
    *,
    ca_file: Path | None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
    alpn: Sequence[str] = (),
    verify: bool = True,
) -> ClientTlsContext:
    """Read the files as they are now. `about`: where their keys stand in the configuration. Raises UnavailableError.

    `ca_file`: None for the system's CAs. `alpn`: protocols to offer.
    """
    if cert_file is not None and key_file is not None:
        options = TlsContextOptions.create_client_with_mtls(
            _read(cert_file, f"{about}.cert_file", b"CERTIFICATE-----"),
            _read(key_file, f"{about}.key_file", b"PRIVATE KEY-----"),
        )
    else:
        options = TlsContextOptions()
    if ca_file is not None:
        options.override_default_trust_store(_read(ca_file, f"{about}.ca_file", b"CERTIFICATE-----"))
    options.verify_peer = verify
    options.alpn_list = list(alpn) or None
    try:
        return ClientTlsContext(options)
    except RuntimeError as error:
        raise UnavailableError(
            f"the certificates of {about} cannot be used: {error}",
            hint="cert_file and key_file must belong together, the key without a password; ca_file must be whole",
        ) from error


def _read(file: Path, key: str, holds: bytes) -> bytes:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise UnavailableError(
            f"{key}: {file} cannot be read: {error.strerror}", hint="make it readable for the daemon"
        ) from error
    if holds not in text:
        raise UnavailableError(f"{key}: {file} holds no {holds.decode().rstrip('-').lower()}", hint="give a PEM file")
    return text
