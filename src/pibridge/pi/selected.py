"""What a selection found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pibridge.model.tag import Tag


@dataclass(frozen=True)
class Problem:
    """Something that was selected and is not read. `path`: of what, as selected or as PI has it.

    `passing`: PI failed to tell this time; what was found before is best kept until it is looked for again.
    """

    path: str
    reason: str
    hint: str = ""
    passing: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f" ({self.hint})" if self.hint else "")

    def is_about(self, path: str) -> bool:
        """Tell whether it may speak of the tag with this path: of its element, or of the wildcard that means it."""
        selected, tag = self.path.upper(), path.upper()
        return tag.startswith(f"{selected}|") or fnmatchcase(tag, selected.replace("[", "[[]"))


@dataclass(frozen=True)
class Selection:
    """Tags, each once, and what could not be had.

    `computed`: data references of the tags that PI computes, by `Tag.key`; all others are points or values of them.
    """

    tags: list[Tag] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    computed: Mapping[str, str] = field(default_factory=dict)

    def completed(self, before: "Selection | None") -> "Selection":
        """Give it with the tags that were found before where PI failed to tell this time."""
        unread = [problem for problem in self.problems if problem.passing]
        found = {tag.key for tag in self.tags}
        kept = [
            tag
            for tag in (before.tags if before else ())
            if tag.key not in found and any(problem.is_about(tag.path) for problem in unread)
        ]
        return Selection([*self.tags, *kept], self.problems, self.computed)


def span_of(told: float) -> float:
    """Give the span that PI tells of a tag, 0 if it is none that can be measured with."""
    return told if math.isfinite(told) and told > 0 else 0.0
