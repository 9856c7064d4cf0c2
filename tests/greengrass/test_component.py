import pytest

from pibridge.errors import ConfigurationError
from pibridge.greengrass.component import SOCKET, TOKEN, Nucleus, component_of, is_inside


@pytest.mark.parametrize(
    ("socket", "nucleus"),
    [
        ("/var/lib/greengrass/gg-ipc.socket", Nucleus.LITE),
        ("../../ipc.socket", Nucleus.CLASSIC),
        ("/greengrass/v2/ipc.socket", Nucleus.CLASSIC),
        (r"\\.\pipe\NucleusNamedPipe-x", Nucleus.CLASSIC),
        ("/run/another.socket", Nucleus.LITE),
    ],
)
def test_the_nucleus_is_known_by_its_socket(socket: str, nucleus: Nucleus) -> None:
    """What has no name that we know is given no more than lite takes."""
    assert component_of("cloud", {SOCKET: socket, TOKEN: "t"}).nucleus is nucleus


@pytest.mark.parametrize("environment", [{}, {SOCKET: "ipc.socket"}, {TOKEN: "t"}, {SOCKET: "", TOKEN: ""}])
def test_elsewhere_there_is_no_nucleus(environment: dict[str, str]) -> None:
    """Outside a component the error names the sink, what is missing and what to do."""
    assert not is_inside(environment)
    with pytest.raises(ConfigurationError, match=r"^sinks\.cloud: works only inside .* sets (AWS_GG|SVCUID).*; deploy"):
        component_of("cloud", environment)


def test_the_token_is_not_shown() -> None:
    """A component that is printed keeps its secret."""
    assert "s3cr3t" not in repr(component_of("cloud", {SOCKET: "ipc.socket", TOKEN: "s3cr3t"}))
