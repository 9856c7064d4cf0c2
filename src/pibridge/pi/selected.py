"""What a selection found."""

from dataclasses import dataclass, field

from pibridge.model.tag import Tag


@dataclass(frozen=True)
class Problem:
    """Something that was selected and is not read. `path`: of what, as selected or as PI has it.

    PI may only have failed to find it this time: a tag that was found before is best kept until it is looked for again.
    """

    path: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True)
class Selection:
    """Tags, each once, and what could not be had."""

    tags: list[Tag] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
