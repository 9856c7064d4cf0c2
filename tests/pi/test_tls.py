import ssl
from pathlib import Path

import pytest
import trustme

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


def test_a_wrong_ca_file_is_explained(tmp_path: Path) -> None:
    """A CA file that is missing or no PEM is a configuration error with its name."""
    wrong = tmp_path / "ca.der"
    wrong.write_bytes(b"no certificate")
    with pytest.raises(ConfigurationError, match="PEM"):
        make_ssl_context(TlsSettings(ca_file=wrong))
    with pytest.raises(ConfigurationError, match=r"missing\.pem cannot be read"):
        make_ssl_context(TlsSettings(ca_file=tmp_path / "missing.pem"))
