import re

from pibridge.status.files import load

FILES = load()


def test_every_file_has_its_type() -> None:
    """So that a browser that is told not to guess takes it."""
    types = {name.rpartition(".")[2]: file.content_type for name, file in FILES.items()}
    assert types == {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert all(file.body for file in FILES.values())


def test_nothing_is_fetched_from_elsewhere() -> None:
    """No file refers to another host, but for the name of SVG's vocabulary."""
    for name, file in FILES.items():
        found = set(re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}", file.body.decode()))
        assert found <= {"http://www.w3.org"}, name


def test_nothing_is_inline() -> None:
    """The policy that goes with the page allows no script and no style within it."""
    for name, file in FILES.items():
        if name.endswith(".html"):
            html = file.body.decode()
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html), name
        if name.endswith(".js"):
            code = file.body.decode()
            assert not re.search(r'\binnerHTML\b|\beval\(|setAttribute\("style"|\bFunction\(', code), name


def test_what_is_referred_to_is_there() -> None:
    """Every file that the page or a script names comes with the package."""
    for name, file in FILES.items():
        text = file.body.decode()
        named = re.findall(r'(?:src|href)="static/([^"]+)"', text) + re.findall(r'from "\./([^"]+)"', text)
        assert set(named) <= set(FILES), name
