"""Takes out of log lines what looks like a secret: a second line of defence, behind never logging one. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "***"

_SECRET_NAME: Final = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|authorization|cookie|credential|api_?key|private_?key", re.IGNORECASE
)
_PATTERNS: Final = (
    (re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)"), HIDDEN),
    (re.compile(r"\b(bearer|basic|negotiate)\s+[\w+/=.~-]{16,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (
        re.compile(
            r"""((?:password|passwd|secret|token|api_?key|signature|x-amz-(?:credential|security-token|signature))
                ["']?\s*[=:]\s*)["']?[^\s&"',;}]+""",
            re.IGNORECASE | re.VERBOSE,
        ),
        rf"\1{HIDDEN}",
    ),
)


def redacted(name: str, value: Any) -> Any:
    """Give the value of a field as it may be shown. What is neither text nor made of texts is given back as it is."""
    if _SECRET_NAME.search(name) and value not in (None, "", False, True):
        return HIDDEN
    if isinstance(value, str):
        for pattern, instead in _PATTERNS:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, Mapping):
        return {key: redacted(str(key), below) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted("", below) for below in value]
    if isinstance(value, BaseException):
        return redacted("", str(value))
    return value
