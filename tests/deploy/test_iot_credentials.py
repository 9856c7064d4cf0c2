import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from deploy.cloud import DEPLOY

GIVEN = {"accessKeyId": "ASIAX", "secretAccessKey": "s", "sessionToken": "t", "expiration": "2030-01-01T00:00:00Z"}


class Provider:
    """The credentials provider of AWS IoT: it wants a certificate, and the thing's name."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        authority.cert_pem.write_to_path(folder / "root-ca.pem")
        device = authority.issue_cert("houston", key_type=trustme.KeyType.ECDSA)
        device.cert_chain_pems[0].write_to_path(folder / "device.pem")
        device.private_key_pem.write_to_path(folder / "device.key")

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.headers["x-amzn-iot-thingname"] == "houston" and self.path == "/role-aliases/a/credentials"
                body = json.dumps(
                    {"credentials": GIVEN} if known else {"message": "Invalid thing name passed"}
                ).encode()
                self.send_response(200 if known else 403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", key_type=trustme.KeyType.ECDSA).configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"https://localhost:{self._server.server_port}/role-aliases/a/credentials"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """Run one, and lay a device's files down."""
    provider = Provider(tmp_path)
    yield provider
    provider.stop()


def ask(address: str, thing: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    command: list[str | Path] = [DEPLOY / "iot_credentials.py", address, thing, folder]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})


def test_a_certificate_gets_credentials(provider: Provider, tmp_path: Path) -> None:
    """It prints what an AWS profile's `credential_process` has to, for every AWS tool."""
    ended = ask(provider.address, "houston", tmp_path)
    assert json.loads(ended.stdout) == {
        "Version": 1,
        "AccessKeyId": "ASIAX",
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": "2030-01-01T00:00:00Z",
    }


def test_a_refusal_is_told(provider: Provider, tmp_path: Path) -> None:
    """What AWS says is on standard error, and the exit code is not 0."""
    ended = ask(provider.address, "dallas", tmp_path)
    assert ended.returncode == 1
    assert "HTTP 403" in ended.stderr
    assert "Invalid thing name" in ended.stderr
