"""Splitting many values over requests, so that no URL grows too long. Pure."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

URL_BYTES: Final = 8192
"""How much of a URL the values may take: with host, credentials and cookies, request line and headers of PI Web API's
server must stay below 16 KiB."""

URL_BYTES_BESIDE_TICKET: Final = 4096
"""The same where a Kerberos ticket goes with each request: it takes some KiB, more for members of many groups."""


def url_groups(values: Iterable[str], parameter: str, url_bytes: int, *, most: int | None = None) -> list[list[str]]:
    """Group the values of a repeated query parameter, in their order and each once, `most` at most in a group.

    A value that is too long by itself gets a group of its own.
    """
    groups: list[list[str]] = []
    free_bytes = 0
    for value in dict.fromkeys(values):
        size = len(f"&{parameter}={quote(value, safe='')}")
        if not groups or len(groups[-1]) == most or size > free_bytes:
            groups.append([])
            free_bytes = url_bytes
        groups[-1].append(value)
        free_bytes -= size
    return groups
