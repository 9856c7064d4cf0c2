import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from pibridge.errors import ConfigurationError
from pibridge.pi.settings import TlsSettings
from pibridge.pi.tls import make_ssl_context


def test_certificates_are_checked() -> None:
    """By default certificate and host name are checked."""
    context = make_ssl_context(TlsSettings())
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_checking_can_be_turned_off() -> None:
    """verify: false checks nothing."""
    assert make_ssl_context(TlsSettings(verify=False)).verify_mode is ssl.CERT_NONE


def test_the_plants_ca_is_trusted(tmp_path: Path) -> None:
    """The CA of ca_file is among those trusted."""
    file = tmp_path / "ca.pem"
    trustme.CA(organization_name="Plant").cert_pem.write_to_path(file)
    certificates = make_ssl_context(TlsSettings(ca_file=file)).get_ca_certs()
    assert any("Plant" in str(certificate["subject"]) for certificate in certificates)


PEMS: dict[str, Callable[[trustme.LeafCert], bytes]] = {
    "chain": lambda leaf: leaf.cert_chain_pems[0].bytes(),
    "key": lambda leaf: leaf.private_key_pem.bytes(),
    "both": lambda leaf: leaf.private_key_and_cert_chain_pem.bytes(),
}


def settings(folder: Path, **files: bytes | None) -> TlsSettings:
    """Write the files, and give the settings that name them."""
    for key, data in files.items():
        if data is not None:
            (folder / f"{key}.pem").write_bytes(data)
    return TlsSettings(**{key: folder / f"{key}.pem" for key in files})


def test_our_certificate_is_one_file_or_two(tmp_path: Path) -> None:
    """The key may stand with the certificate or in a file of its own."""
    leaf = trustme.CA().issue_cert("connector")
    chain, key, both = (PEMS[name](leaf) for name in ("chain", "key", "both"))
    make_ssl_context(settings(tmp_path, cert_file=chain, key_file=key))
    make_ssl_context(settings(tmp_path, cert_file=both))


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"ca_file": b"no certificate"}, r"pi\.tls\.ca_file: .*holds no certificates"),
        ({"ca_file": b"-----BEGIN CERTIFICATE-----\nx"}, r"pi\.tls\.ca_file: .*cannot be read"),
        ({"ca_file": None}, r"pi\.tls\.ca_file: .*ca_file\.pem cannot be read: No such file"),
        ({"cert_file": None}, r"pi\.tls\.cert_file: .*cannot be read: No such file"),
        ({"cert_file": b"x"}, r"pi\.tls\.cert_file: .*holds no certificate"),
        ({"cert_file": "chain"}, r"pi\.tls\.cert_file: .*holds no private key"),
        ({"cert_file": "chain", "key_file": None}, r"pi\.tls\.key_file: .*cannot be read: No such file"),
        ({"cert_file": "chain", "key_file": b"x"}, r"pi\.tls\.key_file: .*holds no private key"),
        ({"cert_file": "chain", "key_file": "other"}, r"pi\.tls\.key_file: .*does not belong"),
        ({"cert_file": "chain", "key_file": "locked"}, r"pi\.tls\.key_file: .*must have no password"),
        ({"cert_file": b"-----BEGIN CERTIFICATE-----\nPRIVATE KEY-----"}, r"pi\.tls\.cert_file: .*cannot be read"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, files: dict[str, Any], problem: str) -> None:
    """A file that is missing, is no PEM, or does not fit is a configuration error with its key; nobody is asked."""
    leaf = trustme.CA().issue_cert("connector")
    made = {
        "chain": PEMS["chain"](leaf),
        "other": PEMS["key"](trustme.CA().issue_cert("other")),
        "locked": load_pem_private_key(PEMS["key"](leaf), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"geheim")
        ),
    }
    with pytest.raises(ConfigurationError, match=problem):
        make_ssl_context(settings(tmp_path, **{key: made.get(data, data) for key, data in files.items()}))
