"""How a command has the running daemon do something: a request in a folder below `journal.path`, an answer beside it.

Only the owner of the folder can leave a request there; no port of the network takes any. A request is `NAME.request`,
`NAME.taken` once the daemon is at it, and its answer `NAME.answer`. Each has its name only when it is whole.
"""

import os
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from pibridge.errors import PIBridgeError

FOLDER: Final = "requests"
_FORGOTTEN_S: Final = 3600.0
"""An answer that nobody has fetched by then goes at the next start."""


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`do`: what is asked for; `having`: with which particulars, as JSON.

    `until_s`: Unix time up to which somebody waits for it; later it is not done any more.
    """

    do: str
    having: Raw
    until_s: float


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`done`: what was done, as JSON. `refused`: why nothing was done, or not all; empty: all was."""

    done: Any = None
    refused: str = ""


class Taken(Struct, frozen=True):
    """A request that is being done now. `request`: or why it cannot be read."""

    name: str
    request: Request | str


def encode(said: Request | Answer) -> bytes:
    """Give what is written."""
    return msgspec.json.encode(said)


def read_request(content: bytes) -> Request | str:
    """Give the request, or why it is none."""
    try:
        return msgspec.json.decode(content, type=Request)
    except msgspec.MsgspecError as error:
        return f"no request of this version: {error}"


def read_answer(content: bytes) -> Answer:
    """Give the answer. What is none is a refusal."""
    try:
        return msgspec.json.decode(content, type=Answer)
    except msgspec.MsgspecError as error:
        return Answer(refused=f"the daemon's answer cannot be read: {error}")


class Mailbox:
    """The requests to the daemon that has its journal in the folder `path`. All calls raise OSError."""

    def __init__(self, path: Path) -> None:
        self._folder = path / FOLDER

    # The daemon's side

    def open(self, now_s: float) -> None:
        """Make the folder, for its owner alone. What an earlier daemon was at is answered: it was cut short."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        for cut_short in self._folder.glob("*.taken"):
            self.answer(cut_short.stem, Answer(refused="the daemon ended while it was at it; look, and ask again"))
        for answer in self._folder.glob("*.answer"):
            if answer.stat().st_mtime < now_s - _FORGOTTEN_S:
                answer.unlink(missing_ok=True)

    def take(self, now_s: float) -> Taken | None:
        """Take the oldest request; None: there is none. Those for which nobody waits any more are removed."""
        for name in sorted(os.listdir(self._folder)):  # noqa: PTH208 - tells when the folder is gone
            file = self._folder / name
            if file.suffix != ".request":
                continue
            taken = file.with_suffix(".taken")
            try:
                file.replace(taken)
                request = read_request(taken.read_bytes())
            except FileNotFoundError:
                continue  # withdrawn
            except PermissionError as error:
                request = f"the daemon may not read it: {error.strerror}"
            if isinstance(request, str) or request.until_s >= now_s:
                return Taken(file.stem, request)
            taken.unlink(missing_ok=True)
        return None

    def answer(self, name: str, answer: Answer) -> None:
        """Answer a request; it is over."""
        self._write(name, ".answer", encode(answer))
        (self._folder / f"{name}.taken").unlink(missing_ok=True)

    # The command's side

    def leave(self, name: str, request: Request) -> bool:
        """Leave a request. `name`: unique; requests are taken in the order of their names. False: nobody takes any.

        Raises PIBridgeError: only the daemon's user may.
        """
        try:
            self._write(name, ".request", encode(request))
        except FileNotFoundError:
            return False
        except PermissionError as error:
            raise PIBridgeError(
                f"{self._folder} takes requests of its owner only", hint="run this as the user that the daemon runs as"
            ) from error
        return True

    def fetch(self, name: str) -> Answer | None:
        """Take the answer out; None: there is none yet."""
        file = self._folder / f"{name}.answer"
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        file.unlink(missing_ok=True)
        return read_answer(content)

    def withdraw(self, name: str) -> bool:
        """Take a request back, done or not. False: the daemon had taken it."""
        (self._folder / f"{name}.taken").unlink(missing_ok=True)
        try:
            (self._folder / f"{name}.request").unlink()
        except FileNotFoundError:
            return False
        return True

    def _write(self, name: str, suffix: str, content: bytes) -> None:
        new = self._folder / f"{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if os.name != "nt" and os.geteuid() == 0:
            # The administrator asks a daemon that runs as somebody else, who must be able to read it.
            owner = self._folder.stat()
            os.chown(new, owner.st_uid, owner.st_gid)
        new.replace(self._folder / f"{name}{suffix}")
