"""The files of the page, as they came with the package."""

from importlib.resources import files
from typing import Final

from msgspec import Struct

_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class File(Struct, frozen=True):
    """What a browser gets."""

    content_type: str
    body: bytes


def load() -> dict[str, File]:
    """Give all files of the page by name."""
    folder = files("pibridge.status") / "static"
    return {
        file.name: File(_TYPES[file.name.rpartition(".")[2]], file.read_bytes())
        for file in folder.iterdir()
        if file.is_file()
    }
