"""The store that the tests of S3 share, and credentials that mean nothing."""

from collections.abc import Iterator

import pytest

from sinks.far_sides import Store


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """Run moto's server."""
    store = Store()
    yield store
    store.client.close()
    store.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
