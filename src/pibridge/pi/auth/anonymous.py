"""No credentials."""

from collections.abc import Mapping


class Anonymous:
    """For a server that lets everybody in."""

    identity = "anonymous"

    async def headers(self) -> Mapping[str, str]:
        """Give no headers."""
        return {}
