import base64
from pathlib import Path

from pi.auth.kdc import Kdc, kdc
from pibridge.simulator.negotiate import verify

__all__ = ["kdc"]


async def test_a_ticket_is_taken_once(kdc: Kdc, tmp_path: Path) -> None:
    """A ticket names its account and is answered with a proof; the same again, or nonsense, is refused."""
    from pibridge.pi.auth.kerberos import Kerberos  # noqa: PLC0415 - needs gssapi

    kdc.account("svc")
    auth = Kerberos("localhost", "svc", kdc.key("svc", tmp_path / "svc.keytab"))
    credentials = await auth.credentials()
    token = credentials.headers["Authorization"].removeprefix("Negotiate ")
    found = verify(kdc.keytab, token)
    assert found is not None
    assert found.user == "svc@PLANT.TEST"
    credentials.accepted([found.challenge])
    assert verify(kdc.keytab, token) is None
    assert verify(tmp_path / "missing", (await auth.credentials()).headers["Authorization"]) is None
    for nonsense in ("", "???", base64.b64encode(b"NTLMSSP").decode()):
        assert verify(kdc.keytab, nonsense) is None
