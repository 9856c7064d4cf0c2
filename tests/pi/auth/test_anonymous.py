from pibridge.pi.auth.anonymous import Anonymous


async def test_nothing_is_sent() -> None:
    """Anonymous sends no credentials."""
    assert await Anonymous().headers() == {}
