"""A Kerberos ticket with every request (SPNEGO, `Authorization: Negotiate`). Importing this needs gssapi."""

import os
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

import gssapi
from gssapi.exceptions import GSSError

from pibridge.errors import PIBridgeError, UnauthorizedError, UnavailableError
from pibridge.pi.aside import aside
from pibridge.pi.auth.contract import Credentials
from pibridge.pi.auth.shared import Shared

T = TypeVar("T")

_SPNEGO: Final = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
_FIRST_CODE: Final = -1765328384 + (1 << 32)
_ACCOUNT: Final = {
    _FIRST_CODE + code: hint
    for code, hint in {
        1: "the account has expired",
        6: "pi.auth.principal is not in the directory; the realm is written in capitals",
        12: "a rule of the domain forbids this account to log in",
        18: "the account is disabled or locked",
        23: "the password of the account has expired; make a new keytab",
        24: "the password of the account has changed; make a new keytab",
    }.items()
}
"""Refusals that are about the account (RFC 4120, 7.5.9): more tries could lock it."""
_HINTS: Final = {
    _FIRST_CODE + 7: "register the service name at the account of PI Web API: setspn -S HTTP/HOST ACCOUNT",
    _FIRST_CODE + 32: "kinit renews the credential cache; with pi.auth.keytab it renews itself",
    _FIRST_CODE + 37: "set this machine's clock by NTP",
    _FIRST_CODE + 141: "run kinit for the user of the daemon, or give pi.auth.principal and pi.auth.keytab",
    _FIRST_CODE + 156: "check kdc in /etc/krb5.conf, and that port 88 of the domain controllers can be reached",
    _FIRST_CODE + 195: "look with klist -k whether the keytab holds a key of pi.auth.principal, realm included",
}
_caches: Final = count(1)


class Kerberos:
    """A domain account: by its key from `keytab`, or by whatever ticket the credential cache holds at that moment.

    Tickets from a key are kept in memory, and the library renews them at half their life.
    """

    def __init__(self, host: str, principal: str | None, keytab: Path | None) -> None:
        self.identity = principal or "who the credential cache holds"
        self._service = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
        self._principal = principal
        self._keytab = keytab
        self._tickets = ""
        self._proven = False
        self._renew()
        self._logged_in = Shared(partial(aside, self._log_in))

    def fingerprint(self) -> Hashable:
        """Give what changes when somebody writes the keytab, or a credential cache that is a file."""
        try:
            found = (self._keytab or _credential_cache()).stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    async def credentials(self) -> Credentials:
        """Give a new token for the service `HTTP/host`.

        Raises UnavailableError: no ticket can be had now. UnauthorizedError: the domain refuses the account.
        """
        tickets = self._tickets
        login = await self._logged_in()
        context, token = await aside(partial(self._greet, login))
        return Credentials(
            {"Authorization": f"Negotiate {b64encode(token).decode()}"},
            accepted=partial(self._verify, context),
            refused=lambda: self._discard(tickets),
        )

    def _log_in(self) -> gssapi.Credentials:
        """Get tickets where they are missing or old. Blocks."""
        if self._keytab is not None:
            _require_readable(self._keytab)
        # Asked for SPNEGO alone, the library hides why there is no ticket.
        _told(partial(self._acquire, gssapi.MechType.kerberos))
        return _told(partial(self._acquire, _SPNEGO))

    def _acquire(self, mechanism: gssapi.OID) -> gssapi.Credentials:
        name = self._principal and gssapi.Name(self._principal, gssapi.NameType.kerberos_principal)
        store = {"client_keytab": str(self._keytab), "ccache": self._tickets} if self._keytab else None
        return gssapi.Credentials(name=name, usage="initiate", mechs=[mechanism], store=store)

    def _greet(self, login: gssapi.Credentials) -> tuple[gssapi.SecurityContext, bytes]:
        """Make the first token of a conversation. Blocks: the ticket for the service may have to be fetched."""
        context = self._conversation(login, _SPNEGO)
        try:
            return context, context.step() or b""
        except GSSError as error:
            # SPNEGO does not tell the reason in numbers; Kerberos alone fails for the same one.
            plain = gssapi.MechType.kerberos
            _told(lambda: self._conversation(self._acquire(plain), plain).step())
            raise _failure(error) from None

    def _conversation(self, login: gssapi.Credentials, mechanism: gssapi.OID) -> gssapi.SecurityContext:
        context = gssapi.SecurityContext(name=self._service, creds=login, mech=mechanism, usage="initiate")
        # What fails is to fail at once, also where the library would like to tell the server of it.
        context.__DEFER_STEP_ERRORS__ = False
        return context

    def _verify(self, context: gssapi.SecurityContext, challenges: Sequence[str]) -> None:
        for challenge in challenges:
            scheme, _, text = challenge.partition(" ")
            if scheme.lower() == "negotiate" and text:
                try:
                    context.step(b64decode(text, validate=True))
                except (GSSError, NoBase64):
                    raise UnavailableError(
                        "the answer was not given by the server that the Kerberos ticket is for",
                        hint="look what stands between this machine and PI",
                    ) from None
        self._proven = True

    def _discard(self, tickets: str) -> bool:
        """Forget tickets of ours that PI took before and refuses now: the account or the service has got a new key."""
        if self._keytab is None:
            return False
        if tickets == self._tickets and self._proven:
            self._renew()
        return tickets != self._tickets

    def _renew(self) -> None:
        self._tickets = f"MEMORY:pibridge-{next(_caches)}"
        self._proven = False


def _told(work: Callable[[], T]) -> T:
    """Do what talks to Kerberos. Raises what its failure means, in the thread that knows the words for it."""
    try:
        return work()
    except GSSError as error:
        failure = _failure(error)
    raise failure


def _failure(error: GSSError) -> PIBridgeError:
    words = error.get_all_statuses(error.min_code, is_maj=False)
    message = "no Kerberos ticket: " + "; ".join(word.rstrip("\0") for word in words)
    if error.min_code in _ACCOUNT:
        return UnauthorizedError(message, status=HTTPStatus.UNAUTHORIZED, hint=_ACCOUNT[error.min_code])
    return UnavailableError(message, hint=_HINTS.get(error.min_code, ""))


def _require_readable(keytab: Path) -> None:
    try:
        with keytab.open("rb"):
            pass
    except OSError as error:
        raise UnavailableError(
            f"pi.auth.keytab: {keytab} cannot be read: {error.strerror}", hint="make it readable for the daemon"
        ) from error


def _credential_cache() -> Path:
    """Give the file of the default credential cache. One that is kept elsewhere is no file, and does no harm here."""
    user = getattr(os, "getuid", lambda: "")()
    return Path(os.environ.get("KRB5CCNAME", f"/tmp/krb5cc_{user}").removeprefix("FILE:"))  # noqa: S108 - MIT's default
