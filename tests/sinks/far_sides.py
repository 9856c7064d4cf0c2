"""Where sinks deliver to in tests: a real folder, and a bucket behind moto's server on a real port."""

import os
import socket
import uuid
from pathlib import Path
from typing import Final, Protocol

import boto3  # type: ignore[import-untyped]  # comes with moto, without types
from moto.server import ThreadedMotoServer

from pibridge.sinks import build
from pibridge.sinks.contract import Sink
from pibridge.sinks.settings import FileSettings, S3Settings

SITE: Final = "houston"
REGION: Final = "eu-west-1"


class FarSide(Protocol):
    """What the contract is judged by."""

    def sink(self, format_name: str, roll_bytes: int = 4096) -> Sink:
        """Make a sink that delivers here."""
        ...

    def held(self) -> dict[str, bytes]:
        """Give what is here under a final name, by that name, below folder or prefix."""
        ...

    def fail(self) -> None:
        """Stop taking anything."""
        ...

    def recover(self) -> None:
        """Take again, and hold what was held."""
        ...


class Folder:
    """A folder on disk. It fails by a file that stands in its place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sink(self, format_name: str, roll_bytes: int = 4096) -> Sink:
        """Make a file sink."""
        settings = {
            "type": "file",
            "path": self.path,
            "format": format_name,
            "roll": {"size": roll_bytes, "age": "100ms"},
        }
        return build("local", FileSettings.model_validate(settings), SITE)

    def held(self) -> dict[str, bytes]:
        """Give the files, without unfinished ones."""
        files = [path for path in self.path.rglob("*") if path.is_file() and path.suffix != ".part"]
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in files}

    def fail(self) -> None:
        """Put a file in the folder's place."""
        self._aside.mkdir()
        if self.path.exists():
            self.path.rename(self._aside / "out")
        self.path.write_text("in the way")

    def recover(self) -> None:
        """Put the folder back."""
        self.path.unlink()
        if (self._aside / "out").exists():
            (self._aside / "out").rename(self.path)
        self._aside.rmdir()

    @property
    def _aside(self) -> Path:
        return self.path.with_name("aside")


class Store:
    """Moto's S3 server on a port of its own, that can be ended and started again on the same port."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()
        self.client = boto3.client(
            "s3", endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def start(self) -> None:
        """Listen. What was stored before is still there."""
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.stop()


class Bucket:
    """A new bucket in a store. It fails by the end of the server.

    `name`: what its name begins with; all of moto's servers in a process share their buckets.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.name = f"{name}-{uuid.uuid4().hex}"
        self.store = store
        store.client.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def settings(self, format_name: str = "jsonl", roll_bytes: int = 4096, **more: str) -> S3Settings:
        """Give the settings of a sink that delivers here."""
        return S3Settings.model_validate(
            {
                "type": "s3",
                "bucket": self.name,
                "region": REGION,
                "format": format_name,
                "roll": {"size": roll_bytes, "age": "100ms"},
                "endpoint_url": self.store.url,
                **more,
            }
        )

    def sink(self, format_name: str, roll_bytes: int = 4096, **more: str) -> Sink:
        """Make an S3 sink."""
        return build("lake", self.settings(format_name, roll_bytes, **more), SITE)

    def held(self, of: str = "dt=") -> dict[str, bytes]:
        """Give the objects that hold records, or those of other names."""
        prefix = f"pi/{SITE}/"
        found = self.store.client.list_objects_v2(Bucket=self.name, Prefix=f"{prefix}{of}").get("Contents", [])
        return {
            entry["Key"].removeprefix(prefix): self.store.client.get_object(Bucket=self.name, Key=entry["Key"])[
                "Body"
            ].read()
            for entry in found
        }

    def fail(self) -> None:
        """End the server."""
        self.store.stop()

    def recover(self) -> None:
        """Start the server again."""
        self.store.start()


def laid(folder: Path, name: str, written_s: float = 0.0) -> Path:
    """Lay a file there, last written at this Unix time."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (written_s, written_s))
    return path
