from pathlib import Path

import pytest

from pibridge.config import elsewhere
from pibridge.errors import ConfigurationError

RIGHT = """
site: ${env:AWS_IOT_THING_NAME}
refresh: ${env:REFRESH}
pi: {url: '${env:PI_URL}', auth: {method: basic, username: u, password: 'a${file:/run/secrets/pi}'}}
context: {assets_file: assets.csv}
streams: {all: {select: {points_file: tags.csv}}}
sinks: {lake: {type: s3, bucket: acme-historian}}
"""


def look(folder: Path, text: str) -> list[str]:
    """Give the names of the sinks of a configuration in a file."""
    file = folder / "plant.yaml"
    file.write_text(text)
    return list(elsewhere.look(str(file))["sinks"])


def test_what_another_machine_has_is_taken_for_granted(tmp_path: Path) -> None:
    """Neither variables nor secrets nor CSV files need be here."""
    assert look(tmp_path, RIGHT) == ["lake"]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("bucket:", "buckett:", r"sinks\.lake\.buckett: unknown key"),
        ("method: basic", "method: basis", r"pi\.auth"),
        ("points_file: tags.csv", "attributes: [A]", r"streams\.all"),
    ],
)
def test_what_is_wrong_everywhere_is_told(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    """A key or a value that no machine could make right is a problem."""
    with pytest.raises(ConfigurationError, match=said):
        look(tmp_path, RIGHT.replace(right, wrong))
