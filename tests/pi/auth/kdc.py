"""A real MIT Kerberos domain for one test, with its own configuration, database and port."""

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from waiting import eventually

REALM = "PLANT.TEST"
_NEEDED = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
_SYSTEM_FOLDERS = "/usr/sbin:/sbin:/opt/homebrew/opt/krb5/sbin"

_CLIENT = """[libdefaults]
default_realm = {realm}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
clockskew = 1
udp_preference_limit = 1
[realms]
{realm} = {{
  kdc = 127.0.0.1:{port}
}}
"""

_SERVER = """[kdcdefaults]
kdc_listen = 127.0.0.1:{port}
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
{realm} = {{
  database_name = {folder}/db
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
}}
[logging]
kdc = FILE:{folder}/kdc.log
"""


class Kdc:
    """A domain with the service `HTTP/localhost`. The environment variables that lead there must be set already."""

    def __init__(self, folder: Path, port: int) -> None:
        self.keytab = folder / "http.keytab"
        self._folder = folder
        self._port = port
        self._log = folder / "kdc.log"
        self._process: subprocess.Popen[bytes] | None = None
        words = {"folder": folder, "port": port, "realm": REALM}
        (folder / "krb5.conf").write_text(_CLIENT.format(**words), encoding="utf-8")
        (folder / "kdc.conf").write_text(_SERVER.format(**words), encoding="utf-8")
        _run("kdb5_util", "create", "-s", "-P", "test")
        self.account("HTTP/localhost")
        self.key("HTTP/localhost", self.keytab)

    def account(self, name: str, *options: str) -> None:
        """Add an account whose password nobody knows."""
        self.say(f"addprinc -randkey {' '.join(options)} {name}")

    def key(self, name: str, keytab: Path) -> Path:
        """Give the account a new key, and write it into a key table."""
        self.say(f"ktadd -k {keytab} {name}")
        return keytab

    def say(self, command: str) -> None:
        """Administer the domain."""
        _run("kadmin.local", "-q", command)

    def kinit(self, name: str, *options: str) -> None:
        """Fill the credential cache, as a user or cron does."""
        _run("kinit", "-k", "-t", str(self._folder / f"{name}.keytab"), *options, name)

    def logins(self) -> int:
        """Count how often somebody logged in, or tried to."""
        return self._log.read_text(encoding="utf-8").count("AS_REQ") if self._log.exists() else 0

    async def start(self) -> None:
        """Answer from now on."""
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            ["krb5kdc", "-n"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await eventually(self._answers)

    def stop(self) -> None:
        """Be away from now on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True


def require_kerberos() -> None:
    """Skip where there is no Kerberos to test with; with PIBRIDGE_KDC=required that is a failure."""
    missing = [program for program in _NEEDED if shutil.which(program) is None]
    if find_spec("gssapi") is None:
        missing.append("gssapi (make EXTRAS=dev,kerberos)")
    if not missing:
        return
    reason = f"no Kerberos here, install krb5-kdc krb5-admin-server krb5-user: {', '.join(missing)} missing"
    if os.environ.get("PIBRIDGE_KDC") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
async def kdc(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kdc]:
    """Run a domain; this process and those it starts know no other."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{_SYSTEM_FOLDERS}")
    require_kerberos()
    folder = tmp_path / "kdc"
    folder.mkdir()
    for name, value in {
        "KRB5_CONFIG": f"{folder}/krb5.conf",
        "KRB5_KDC_PROFILE": f"{folder}/kdc.conf",
        "KRB5CCNAME": f"FILE:{folder}/cache",
        "KRB5RCACHENAME": f"file2:{folder}/replays",
    }.items():
        monkeypatch.setenv(name, value)
    domain = Kdc(folder, port)
    await domain.start()
    yield domain
    domain.stop()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
