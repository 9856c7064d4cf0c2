import pytest
from pydantic import ValidationError

from pibridge.model.settings import Duration, Secret, Settings, Size


class Example(Settings):
    """One setting of each kind."""

    wait: Duration = 1
    room: Size = 1
    word: Secret = Secret(lambda: "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10), ("5m", 300), ("12h", 43200), ("7d", 604800), (3, 3), ("1.5", 1.5)],
)
def test_durations_are_seconds(text: str | int, seconds: float) -> None:
    """A duration is written with a unit or as plain seconds."""
    assert Example.model_validate({"wait": text}).wait == seconds


@pytest.mark.parametrize(("text", "size"), [("64KiB", 65536), ("2GiB", 1 << 31), ("16 MiB", 1 << 24), (7, 7), ("7", 7)])
def test_sizes_are_bytes(text: str | int, size: int) -> None:
    """A size is written with a unit or as plain bytes."""
    assert Example.model_validate({"room": text}).room == size


@pytest.mark.parametrize("wrong", [{"wait": "10 parsecs"}, {"wait": "soon"}, {"room": "10MB"}, {"nothing": 1}])
def test_what_is_no_setting_is_refused(wrong: dict[str, str]) -> None:
    """Unknown units and unknown keys are errors."""
    with pytest.raises(ValidationError):
        Example.model_validate(wrong)


def test_a_secret_shows_itself_to_no_print() -> None:
    """Neither the text nor the representation of the settings tells the secret."""
    settings = Example.model_validate({"word": "hunter2"})
    assert settings.word.reveal() == "hunter2"
    assert "hunter2" not in f"{settings} {settings!r} {settings.word}"


def test_a_secret_is_read_anew_each_time() -> None:
    """A rotated secret is found without a restart."""
    words = iter(["old", "new"])
    secret = Secret(lambda: next(words))
    assert [secret.reveal(), secret.reveal()] == ["old", "new"]
