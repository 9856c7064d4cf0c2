"""What a selection found."""

from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Selection:
    """Tags, each once, and what could not be had."""

    tags: list[Tag] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def completed(self, before: "Selection | None") -> "Selection":
        """Give it with the tags that were found before where PI failed to tell this time."""
        unread = tuple(f"{problem.path.upper()}|" for problem in self.problems if problem.passing)
        found = {tag.key for tag in self.tags}
        kept = [
            tag
            for tag in (before.tags if before else ())
            if tag.key not in found and tag.path.upper().startswith(unread)
        ]
        return Selection([*self.tags, *kept], self.problems)
