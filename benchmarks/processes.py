"""The processes of a benchmark: the feeder, the far sides, and the daemon that is measured."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import trustme

from plant import Feed

HERE: Final = Path(__file__).parent
SHIM: Final = HERE.parent / "tests" / "journal" / "failing_disk.c"
_STEP_S: Final = 0.02


class SkippedError(Exception):
    """A case cannot be measured here; the text says why."""


def until(holds: Callable[[], object], within_s: float, what: str) -> None:
    """Return as soon as it holds. RuntimeError if it never does."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {within_s:g} s")
        time.sleep(_STEP_S)


@contextmanager
def running(
    *command: str | Path, environment: Mapping[str, str] | None = None, errors: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, and leave none behind. `errors`: where what it says on standard error goes."""
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stderr=errors)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def _with_port(
    folder: Path, script: str, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run one of the servers of this folder; give its port."""
    port_file = folder / f"{script}.port"
    with running(sys.executable, HERE / script, port_file, *arguments, environment=environment):
        until(lambda: port_file.exists() and port_file.read_text(), 30, f"{script} listens")
        yield int(port_file.read_text())
    port_file.unlink()


def told(url: str, trust: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Give what a server of this machine says. OSError: it says nothing."""
    with urllib.request.urlopen(url, timeout=60, context=trust) as answer:  # noqa: S310 - always http
        said: dict[str, Any] = json.load(answer)
        return said


def answers(url: str) -> bool:
    """Tell whether somebody answers there."""
    try:
        told(url)
    except OSError:
        return False
    return True


class FeederProcess:
    """A feeder. `url`: of its PI Web API. `ca_file`: signs its certificate, if it has one."""

    def __init__(self, url: str, ca_file: Path | None) -> None:
        self.url = url
        self.ca_file = ca_file
        self._trust = None if ca_file is None else ssl.create_default_context(cafile=ca_file)

    def tell(self, what: str) -> dict[str, Any]:
        """Tell it what to do; give what it says of itself."""
        return told(f"{self.url}/bench/{what}", self._trust)

    def wait_for(self, channels: int, within_s: float = 60) -> None:
        """Wait until so many channels are open, and all their messages made."""
        until(lambda: self.tell("state")["channels"] >= channels, within_s, f"{channels} channels are open")


@contextmanager
def feeder(folder: Path, feed: Feed, *, tls: bool = False) -> Iterator[FeederProcess]:
    """Run one."""
    arguments: list[str | Path] = [msgspec.json.encode(feed).decode()]
    ca_file = None
    if tls:
        authority = trustme.CA()
        ca_file, certificate = folder / "ca.pem", folder / "server.pem"
        authority.cert_pem.write_to_path(ca_file)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        arguments.append(certificate)
    # The URL of a channel holds the WebIDs of all of its points.
    long_lines = {"WEBSOCKETS_MAX_LINE_LENGTH": "65536"}
    with _with_port(folder, "feeder.py", *arguments, environment=long_lines) as port:
        yield FeederProcess(f"{'https' if tls else 'http'}://127.0.0.1:{port}/piwebapi", ca_file)


@contextmanager
def store(folder: Path) -> Iterator[int]:
    """Run a store that counts; give its port."""
    with _with_port(folder, "store.py") as port:
        yield port


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """Run mosquitto; give its port."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/opt/homebrew/sbin")
    if program is None:
        raise SkippedError("mosquitto is not installed")
    port = free_port()
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "log_type error", "set_tcp_nodelay true"]
    lines += ["max_inflight_messages 0", "max_queued_messages 0"]
    if os.geteuid() == 0:
        lines.append("user root")  # otherwise it becomes another user, who may not read here
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join([*lines, ""]))
    with running(program, "-c", configuration, errors=subprocess.DEVNULL):
        until(lambda: _listens(port), 10, "mosquitto listens")
        yield port


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class DaemonProcess:
    """A daemon that is watched. `notes`: what it saw, once it has ended."""

    def __init__(self, process: subprocess.Popen[bytes], notes: Path) -> None:
        self._process = process
        self._notes = notes

    @property
    def notes(self) -> dict[str, Any]:
        """Give them."""
        said: dict[str, Any] = json.loads(self._notes.read_text(encoding="utf-8"))
        return said

    def rss_mb(self) -> float:
        """Give the memory that it has now, with the processes that it has started."""
        return sum(each.memory_info().rss for each in self._tree()) / (1 << 20)

    def cpu_s(self) -> float:
        """Give the time that it has computed so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self._tree())

    def written_bytes(self) -> int:
        """Give what it has had written to disk so far."""
        return sum(each.io_counters().write_bytes for each in self._tree())

    def wait(self, within_s: float) -> None:
        """Wait until it ends by itself, well."""
        if self._process.wait(within_s):
            raise RuntimeError(f"the daemon ended with {self._process.returncode}")

    def stop(self) -> None:
        """Ask it to stop, and wait for that."""
        self._process.terminate()
        self.wait(20)

    def has_ended(self) -> bool:
        """Tell whether it has ended."""
        return self._process.poll() is not None

    def _tree(self) -> list[psutil.Process]:
        own = psutil.Process(self._process.pid)
        return [own, *own.children(recursive=True)]


@contextmanager
def daemon(
    folder: Path,
    configuration: Mapping[str, Any],
    *options: str,
    shim: Path | None = None,
    around: Sequence[str] = (),
) -> Iterator[DaemonProcess]:
    """Run a daemon that is watched; `options` are those of watched.py. `shim`: a library loaded before libc."""
    config, notes = folder / "config.json", folder / "notes.json"
    config.write_text(json.dumps(configuration), encoding="utf-8")
    notes.unlink(missing_ok=True)
    nobody = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true"}
    environment = nobody | ({} if shim is None else {"LD_PRELOAD": str(shim)})
    command: list[str | Path] = [*around, sys.executable, HERE / "watched.py", config, notes, *options]
    with running(*command, environment=environment) as process:
        yield DaemonProcess(process, notes)


def compiled_shim(folder: Path) -> Path:
    """Give the library that makes fsync slower."""
    compiler = shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        raise SkippedError("a slow fsync is made with gcc on Linux")
    library = folder / "slow_disk.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    return library
