import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from pibridge.pi.failures import unanswered

KEY = ConnectionKey("pi", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "pi did not answer GET /x in time"),
        (aiohttp.ServerTimeoutError("geheim"), "pi did not answer GET /x in time"),
        (aiohttp.ServerDisconnectedError("geheim"), "the answer of pi to GET /x broke off: ServerDisconnectedError"),
        (aiohttp.ClientPayloadError("geheim"), "the answer of pi to GET /x broke off: ClientPayloadError"),
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), "no connection to pi: refused"),
        (aiohttp.ClientConnectorError(KEY, ConnectionResetError()), "no connection to pi: ConnectionResetError"),
    ],
)
def test_each_silence_has_its_words(error: Exception, said: str) -> None:
    """What happened is told with who and what was asked, and in none of the library's words, which may hold headers."""
    told = unanswered(error, "GET /x", "pi")
    assert told.args == (said,)
    assert told.hint


def test_a_certificate_names_the_way_out() -> None:
    """A certificate that is not trusted asks for the CA."""
    error = unanswered(aiohttp.ClientConnectorSSLError(KEY, OSError()), "GET /x", "pi")
    assert "pi.tls.ca_file" in error.hint


@pytest.mark.parametrize(
    ("code", "words"),
    [(10, "renew"), (9, "clock"), (62, "pi.url"), (19, "fingerprint"), (20, "pi.tls.ca_file"), (1, "pi.tls.ca_file")],
)
def test_a_certificate_is_mended_by_what_is_wrong_with_it(code: int, words: str) -> None:
    """One that has expired asks for no CA, one for another name for that name."""
    wrong = ssl.SSLCertVerificationError()
    wrong.verify_code, wrong.verify_message = code, "it is wrong"
    error = unanswered(aiohttp.ClientConnectorCertificateError(KEY, wrong), "GET /x", "pi")
    assert "it is wrong" in str(error)
    assert words in error.hint
