from typing import Any

import pytest
from pydantic import TypeAdapter

from pibridge.errors import ConfigurationError
from pibridge.pi.auth import BUILT, make_auth
from pibridge.pi.settings import AuthSettings

AUTH: TypeAdapter[Any] = TypeAdapter(AuthSettings)
EXAMPLES: list[dict[str, str]] = [
    {"method": "anonymous"},
    {"method": "basic", "username": "pi", "password": "geheim"},
    {"method": "kerberos"},
    {"method": "bearer", "token": "geheim"},
]


@pytest.mark.parametrize("settings", EXAMPLES, ids=lambda settings: settings["method"])
async def test_each_method_is_built_or_refused_by_name(settings: dict[str, str]) -> None:
    """A method that is built gives headers and a name without secrets; another is refused with those there are."""
    parsed = AUTH.validate_python(settings)
    if settings["method"] in BUILT:
        auth = make_auth(parsed)
        assert isinstance(await auth.headers(), dict)
        assert "geheim" not in auth.identity
    else:
        with pytest.raises(ConfigurationError, match="anonymous, basic"):
            make_auth(parsed)
