from pibridge.pi.auth.anonymous import Anonymous


async def test_nothing_is_sent() -> None:
    """Anonymous sends no credentials, and nothing of it changes."""
    assert (await Anonymous().credentials()).headers == {}
    assert Anonymous().fingerprint() == Anonymous().fingerprint()
