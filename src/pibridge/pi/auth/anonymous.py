"""No credentials."""

from collections.abc import Hashable

from pibridge.pi.auth.contract import Credentials


class Anonymous:
    """For a server that lets everybody in."""

    identity = "anonymous"

    def fingerprint(self) -> Hashable:
        """Give nothing: there is no secret."""
        return None

    async def credentials(self) -> Credentials:
        """Give no headers."""
        return Credentials()
