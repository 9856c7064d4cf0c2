"""Kerberos as HTTP.sys takes it: one ticket, one answer."""

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from pathlib import Path
from typing import NamedTuple


class Verified(NamedTuple):
    """Whose ticket it is, `name@REALM`, and what proves to the client that its ticket was read."""

    user: str
    challenge: str


def verify(keytab: Path, token: str) -> Verified | None:
    """Look at what follows `Negotiate`; None if it is no fresh ticket for a service of the key table. Needs gssapi."""
    # An extra: only who asks for Kerberos needs it.
    import gssapi  # noqa: PLC0415
    from gssapi.exceptions import GSSError  # noqa: PLC0415

    mechanism = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
    try:
        keys = gssapi.Credentials(usage="accept", mechs=[mechanism], store={"keytab": str(keytab)})
        context = gssapi.SecurityContext(creds=keys, usage="accept")
        answer = context.step(b64decode(token, validate=True))
        if not context.complete:
            return None
        return Verified(str(context.initiator_name), f"Negotiate {b64encode(answer or b'').decode()}".rstrip())
    except (GSSError, NoBase64):
        return None
