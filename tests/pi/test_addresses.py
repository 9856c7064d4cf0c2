import pytest

from pibridge.pi.addresses import web_address


@pytest.mark.parametrize(
    "url", ["https://id.example.com/token?p=1", "http://localhost:1/x", "http://127.9.9.9/", "http://[::1]:8/"]
)
def test_what_nobody_overhears_is_taken(url: str) -> None:
    """Https anywhere, and plain http on this machine."""
    assert web_address(url, allow_insecure=False).geturl() == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://id.example.com/token", "allow_insecure"),
        ("http://127.0.0.1.example.com/", "allow_insecure"),
        ("id.example.com/token", "no web address"),
        ("https://", "no web address"),
        ("https://x:port/", "no URL"),
        ("https://me:geheim@id.example.com/", "pi.auth"),
        ("https://id.example.com/#x", "fragment"),
    ],
)
def test_others_are_refused_in_plain_words(url: str, problem: str) -> None:
    """What is wrong is told, and nothing of a password."""
    with pytest.raises(ValueError, match=problem) as caught:
        web_address(url, allow_insecure=False)
    assert "geheim" not in str(caught.value)


def test_plain_http_can_be_allowed() -> None:
    """Who accepts it may send in the clear."""
    assert web_address("http://id.example.com/", allow_insecure=True).hostname == "id.example.com"
