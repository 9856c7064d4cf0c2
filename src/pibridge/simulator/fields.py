"""`selectedFields`: which properties an answer keeps."""

from typing import Any, Final

Selection = dict[str, "Selection"]
_ERRORS: Final = frozenset({"errors", "webexception", "exception"})


def parse(text: str) -> Selection:
    """Read `Items.Timestamp;Items.Value`. Names do not care about case; an empty text selects nothing in particular."""
    selection: Selection = {}
    for path in text.split(";"):
        branch = selection
        for name in path.strip().lower().split("."):
            if name:
                branch = branch.setdefault(name, {})
    return selection


def select(body: Any, selection: Selection, *, keep_errors: bool = False) -> Any:
    """Give the body with the selected properties only, through lists and nested objects. Empty: the body as it is."""
    if not selection:
        return body
    if isinstance(body, list):
        return [select(item, selection, keep_errors=keep_errors) for item in body]
    if not isinstance(body, dict):
        return body
    kept = {}
    for name, value in body.items():
        branch = selection.get(name.lower())
        if branch is not None:
            kept[name] = select(value, branch, keep_errors=keep_errors)
        elif keep_errors and name.lower() in _ERRORS:
            kept[name] = value
    return kept
