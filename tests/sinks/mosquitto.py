"""A real broker, and a subscriber that knows nothing of ours: mosquitto and mosquitto_sub."""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from unpacking import unpacked
from waiting import eventually

_SYSTEM_FOLDERS: Final = "/usr/sbin:/sbin:/opt/homebrew/sbin"
_LONGEST_LINE_BYTES: Final = 1 << 20


def require_mosquitto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip where there is no broker to test with; with PIBRIDGE_MOSQUITTO=required that is a failure."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{_SYSTEM_FOLDERS}")
    missing = [program for program in ("mosquitto", "mosquitto_sub", "mosquitto_pub") if shutil.which(program) is None]
    if not missing:
        return
    reason = f"no broker here, install mosquitto mosquitto-clients: {', '.join(missing)} missing"
    if os.environ.get("PIBRIDGE_MOSQUITTO") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


class Certificates:
    """An authority in a folder: `ca.pem`, and for each who asks a certificate and a key. It can take one back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._revoked: list[int] = []
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)
        self.crl_file = folder / "crl.pem"
        self._write_crl()

    def issue(self, name: str) -> dict[str, Path]:
        """Give `cert_file` and `key_file` for a host or a client of this name."""
        leaf = self._authority.issue_cert("127.0.0.1", "localhost", common_name=name, key_type=trustme.KeyType.ECDSA)
        files = {"cert_file": self._folder / f"{name}.pem", "key_file": self._folder / f"{name}.key"}
        leaf.cert_chain_pems[0].write_to_path(files["cert_file"])
        leaf.private_key_pem.write_to_path(files["key_file"])
        return files

    def revoke(self, cert_file: Path) -> None:
        """Put a certificate on the list of those that are not valid any more."""
        self._revoked.append(x509.load_pem_x509_certificate(cert_file.read_bytes()).serial_number)
        self._write_crl()

    def server_context(self) -> ssl.SSLContext:
        """Give what a server in this process needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        files = self.issue("server-here")
        context.load_cert_chain(files["cert_file"], files["key_file"])
        return context

    def _write_crl(self) -> None:
        key = serialization.load_pem_private_key(self._authority.private_key_pem.bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        authority = x509.load_pem_x509_certificate(self._authority.cert_pem.bytes())
        now = datetime.now(UTC)
        crl = x509.CertificateRevocationListBuilder(authority.subject, now - timedelta(days=1), now + timedelta(days=1))
        for number in self._revoked:
            revoked = x509.RevokedCertificateBuilder(number, now - timedelta(hours=1)).build()
            crl = crl.add_revoked_certificate(revoked)
        self.crl_file.write_bytes(crl.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


class Mosquitto:
    """A broker on a port of its own. `certificates`: it wants mutual TLS. `lines`: more of its configuration."""

    def __init__(self, folder: Path, port: int, *lines: str, certificates: Certificates | None = None) -> None:
        self.port = port
        self.log = folder / "mosquitto.log"
        self._folder = folder
        self._lines = lines
        self._certificates = certificates
        self._process: subprocess.Popen[bytes] | None = None
        self._acl = folder / "acl"
        self.allow("pattern readwrite #")

    def allow(self, *lines: str) -> None:
        """Write the access list; a broker that runs reads it at once."""
        self._acl.write_text("\n".join([*lines, "user watcher", "topic readwrite #", ""]))
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    async def start(self) -> None:
        """Listen, and return when it answers."""
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            f"acl_file {self._acl}",
            "log_type all",
            # What is confirmed to us is with the subscriber already, should the broker be killed then.
            "max_inflight_messages 0",
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            *self._lines,
        ]
        if self._certificates is not None:
            files = self._certificates.issue("server")
            lines += [
                f"cafile {self._certificates.ca_file}",
                f"crlfile {self._certificates.crl_file}",
                f"certfile {files['cert_file']}",
                f"keyfile {files['key_file']}",
                "require_certificate true",
                "use_identity_as_username true",
            ]
        configuration = self._folder / "mosquitto.conf"
        configuration.write_text("\n".join([*lines, ""]))
        if os.geteuid() == 0:
            # Otherwise it becomes another user, who may not read here.
            configuration.write_text("\n".join(["user root", *lines, ""]))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(["mosquitto", "-c", configuration], stdout=log, stderr=log)  # noqa: ASYNC220 - it returns at once
        await eventually(self._answers)

    def stop(self) -> None:
        """End it as the system does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it do nothing at all, with its connections open."""
        self._living.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._living.send_signal(signal.SIGCONT)

    @property
    def _living(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    async def _answers(self) -> bool:
        assert self._living.poll() is None, self.log.read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


class Subscriber:
    """mosquitto_sub on all topics, with the options that let it in.

    It asks for QoS 0: where it had to confirm, it would give up unread what a broker sent before it was killed.
    `messages`: topic, payload and whether it was a retained one, as they came. `records`: those in them.
    """

    def __init__(self, broker: Mosquitto, *options: str) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.records: list[dict[str, Any]] = []
        self._broker = broker
        self._command = [
            "mosquitto_sub",
            "-h",
            "127.0.0.1",
            "-p",
            str(broker.port),
            "-V",
            "mqttv5",
            "-q",
            "0",
            "-t",
            "#",
        ]
        self._command += ["-F", "%r %x %t", *options]
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._times = 0

    async def start(self) -> None:
        """Subscribe anew; return when the broker has agreed."""
        await self.stop()
        self._times += 1
        name = f"watcher-{self._times}"
        self._process = await asyncio.create_subprocess_exec(
            "stdbuf", "-oL", *self._command, "-i", name, stdout=subprocess.PIPE, limit=_LONGEST_LINE_BYTES
        )
        self._reading = asyncio.create_task(self._read(self._process))
        await eventually(lambda: f"Sending SUBACK to {name}" in self._broker.log.read_text())

    async def orphaned(self) -> None:
        """Return when it has read all that its broker sent before it died: then it closes its socket."""
        if self._process is not None:
            pid = self._process.pid
            await eventually(lambda: not _connections(pid))

    async def stop(self) -> None:
        """End; what it has told is read."""
        if self._process is not None and self._reading is not None:
            if self._process.returncode is None:
                self._process.terminate()
            await self._reading
            await self._process.wait()
            self._process = self._reading = None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            retained, payload, topic = line.decode().rstrip("\n").split(" ", 2)
            self.messages.append((topic, bytes.fromhex(payload), retained == "1"))
            if bytes.fromhex(payload)[:1] in {b"{", b"\x1f"}:  # others are no messages of records
                self.records += unpacked(self.messages[-1][1]).get("records", [])


async def say(broker: Mosquitto, topic: str, payload: bytes, *options: str) -> None:
    """Publish a message at QoS 1 by mosquitto_pub, with the options that let it in; return when it is confirmed."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-V", "mqttv5", "-q", "1", "-t", topic, "-s"]
    process = await asyncio.create_subprocess_exec(*command, *options, stdin=subprocess.PIPE)
    await process.communicate(payload)
    assert process.returncode == 0


def _connections(pid: int) -> int:
    try:
        return len(psutil.Process(pid).net_connections("inet"))
    except psutil.NoSuchProcess:
        return 0
