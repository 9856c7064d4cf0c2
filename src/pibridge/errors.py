"""The error tree. An error says what happened, and `hint` what the reader can do next.

The branches are what a caller does, not where the error came from.
"""


class PIBridgeError(Exception):
    """Something went wrong that we understand: the text is for people, without a traceback."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} ({self.hint})" if self.hint else message


class ConfigurationError(PIBridgeError):
    """The configuration is wrong. `problems`: one line each, `key.path: what is wrong; what to do`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UnavailableError(PIBridgeError):
    """The far side cannot answer now: keep what is owed and try again, later and for ever."""


class ThrottledError(UnavailableError):
    """The far side asks for fewer requests (429)."""


class UnauthorizedError(PIBridgeError):
    """Who we are or what we may do was refused (401, 403): try again slowly, accounts can be locked."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class RejectedError(PIBridgeError):
    """The request itself is wrong (400, 404, 409, 501): asking again unchanged is useless."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class TooMuchError(RejectedError):
    """More items asked for than the server gives in one answer: ask for a smaller count or range."""


class JournalError(PIBridgeError):
    """The journal on disk cannot be used as it is."""


class JournalFullError(JournalError):
    """The journal has reached its limit: stop reading PI, the rest is recovered from PI later."""


class JournalLockedError(JournalError):
    """Another daemon writes this journal."""
