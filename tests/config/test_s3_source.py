from collections.abc import Iterator

import pytest

from pibridge.config.s3_source import EVERY_S, S3Source
from pibridge.errors import ConfigurationError, UnavailableError
from sinks.far_sides import REGION, Store

BUCKET = "plant-settings"


class Time:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now_s


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """Run a store with a bucket of settings."""
    store = Store()
    store.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield store
    store.client.close()
    store.stop()


@pytest.fixture(autouse=True)
def _environment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.url)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def put(store: Store, text: str, key: str = "houston/config.yaml") -> str:
    """Write the object; give its name."""
    store.client.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    return f"s3://{BUCKET}/{key}"


def test_the_object_is_the_text(store: Store) -> None:
    """The bytes of the object are the text, whatever its key looks like."""
    source = S3Source(put(store, "site: Köln", "a folder/plant 1+2.yaml"))
    assert source.read()[0] == "site: Köln"


def test_it_is_looked_at_every_minute(store: Store) -> None:
    """A new ETag is found when a minute has passed, not before; the same object keeps its version."""
    clock = Time()
    source = S3Source(put(store, "site: one"), clock)
    text, version = source.read()
    put(store, "site: two")
    assert source.version() == version
    clock.now_s += EVERY_S
    newer = source.version()
    assert newer != version
    assert source.read() == ("site: two", newer)
    put(store, "site: two")
    clock.now_s += EVERY_S
    assert source.version() == newer
    assert text == "site: one"


def test_reading_asks_at_once(store: Store) -> None:
    """Who reads gets what is there now, though no minute has passed."""
    source = S3Source(put(store, "site: one"), Time())
    source.read()
    put(store, "site: two")
    assert source.read()[0] == "site: two"


def test_a_store_that_is_away_is_unavailable_until_it_is_back(store: Store) -> None:
    """It is asked once a minute, not at each look, and says the same in between."""
    clock = Time()
    source = S3Source(put(store, "site: one"), clock)
    _, version = source.read()
    store.stop()
    try:
        clock.now_s += EVERY_S
        with pytest.raises(UnavailableError, match=f"cannot read s3://{BUCKET}/houston/config.yaml"):
            source.version()
    finally:
        store.start()
    with pytest.raises(UnavailableError):
        source.version()
    clock.now_s += EVERY_S
    assert source.version() == version


def test_an_object_that_is_not_there_is_told(store: Store) -> None:
    """A missing key and a missing bucket are wrong names, which no waiting mends."""
    put(store, "site: one")
    with pytest.raises(ConfigurationError, match="NoSuchKey; name an object that is"):
        S3Source(f"s3://{BUCKET}/none.yaml").read()
    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        S3Source("s3://no-such-bucket/config.yaml").read()


def test_bytes_that_are_no_text_are_told(store: Store) -> None:
    """An object in another encoding is refused with what to do."""
    store.client.put_object(Bucket=BUCKET, Key="latin1.yaml", Body="site: Köln".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="no UTF-8 text"):
        S3Source(f"s3://{BUCKET}/latin1.yaml").read()


@pytest.mark.parametrize("name", ["s3://", "s3://bucket", "s3://bucket/", "s3://b/key", "s3:///key"])
def test_a_name_without_bucket_or_key_is_refused(name: str) -> None:
    """What names no object is told with the way to write it."""
    with pytest.raises(ConfigurationError, match="write s3://bucket/key"):
        S3Source(name)


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Amazon's own address needs a region, from the environment."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="set AWS_REGION"):
        S3Source(f"s3://{BUCKET}/key")
