"""What a check finds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pibridge.errors import PIBridgeError

MOST_TOLD: Final = 20
"""Of findings of one kind the first are told, and of the others how many there are."""


@dataclass(frozen=True)
class Finding:
    """`about`: the key or part. `found`: what is there, or what is wrong and why. `hint`: what to do next."""

    level: Literal["fine", "doubt", "wrong"]
    about: str
    found: str
    hint: str = ""


def wrong(about: str, error: PIBridgeError) -> Finding:
    """Give the finding that this error is."""
    return Finding("wrong", about, str(error.args[0]), error.hint)


def first_of(findings: Sequence[Finding], about: str, what: str) -> Iterator[Finding]:
    """Give the first of many, and the count of the others, which are so many more `what`."""
    yield from findings[:MOST_TOLD]
    if len(findings) > MOST_TOLD:
        yield Finding(findings[0].level, about, f"and {len(findings) - MOST_TOLD} more {what}", findings[0].hint)
