"""Tags that PI refuses to read: set aside one by one and tried again, ever more seldom. Pure."""

from collections.abc import Iterable

from msgspec import Struct

_FIRST_S = 30.0
_LONGEST_S = 600.0


class Refused(Struct):
    """Why a tag is set aside, how long at a time, and when (of the caller's clock) it is tried again."""

    stream: str
    reason: str
    delay_s: float
    due_s: float | None


class Quarantine:
    """The tags that are set aside, by number."""

    def __init__(self) -> None:
        self._refused: dict[int, Refused] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._refused

    def get(self, number: int) -> Refused | None:
        """Give why and for how long a tag is set aside. None: it is not."""
        return self._refused.get(number)

    def put(self, number: int, stream: str, reason: str, now_s: float) -> bool:
        """Set a tag aside, for twice as long as the last time. Tell whether that is new."""
        before = self._refused.get(number)
        delay_s = min(2 * before.delay_s, _LONGEST_S) if before else _FIRST_S
        self._refused[number] = Refused(stream, reason, delay_s, now_s + delay_s)
        return before is None or before.reason != reason

    def due(self, now_s: float) -> dict[str, list[int]]:
        """Give the tags to be tried now, by stream; they stay known until they are `released`."""
        due: dict[str, list[int]] = {}
        for number, refused in self._refused.items():
            if refused.due_s is not None and refused.due_s <= now_s:
                refused.due_s = None
                due.setdefault(refused.stream, []).append(number)
        return due

    def release(self, numbers: Iterable[int]) -> list[int]:
        """Forget these; give those that were set aside."""
        return [number for number in numbers if self._refused.pop(number, None) is not None]

    def reasons(self) -> dict[int, str]:
        """Give why each tag that is set aside is."""
        return {number: refused.reason for number, refused in self._refused.items()}

    def count(self, stream: str) -> int:
        """Give how many tags of a stream are set aside."""
        return sum(refused.stream == stream for refused in self._refused.values())
