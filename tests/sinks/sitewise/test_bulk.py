import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from context.plants import NO_DATA
from pibridge.errors import UnavailableError
from pibridge.model import ticks
from pibridge.model.event import BAD
from pibridge.sinks.settings import SiteWiseSettings
from pibridge.sinks.sitewise.sink import SiteWiseSink
from sinks.batches import ListedBatch
from sinks.far_sides import REGION, Store
from sinks.sitewise.account import RefusedError
from sinks.sitewise.double import Double, sitewise
from sinks.sitewise.samples import NOW, NOW_S, SITE, record

OLD = NOW - 8 * 86400 * ticks.PER_SECOND
T = "/houston/Plant/R1/Temperature"
ROLE = "arn:aws:iam::123456789012:role/sitewise-import"


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    """Run SiteWise's double."""
    async with sitewise(NOW_S) as double:
        yield double


@pytest.fixture
def bucket(store: Store) -> str:
    """Make a bucket."""
    name = f"import-{uuid.uuid4().hex}"
    store.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def made(double: Double, store: Store, bucket: str, **bulk: Any) -> SiteWiseSink:
    """Give a sink with a place for old values."""
    keys = {"bucket": bucket, "endpoint_url": store.url, **bulk}
    settings = {"type": "sitewise", "region": REGION, "endpoint_url": double.url, "bulk_import": keys}
    return SiteWiseSink("history", SiteWiseSettings.model_validate(settings), SITE, now=lambda: NOW_S)


def held(store: Store, bucket: str) -> dict[str, str]:
    """Give the objects of a bucket."""
    found = store.client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        each["Key"]: store.client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in found
    }


async def test_old_values_become_a_file_and_young_ones_do_not(double: Double, store: Store, bucket: str) -> None:
    """One object for a batch, named by its bounds; tried again it is replaced by itself."""
    sink = made(double, store, bucket)
    records = [
        record(1, 1.5, at=OLD),
        record(2, 2.5),
        record(3, 3.5, at=OLD + 1),
        record(4, NO_DATA, at=OLD, status=BAD),
    ]
    for _ in range(2):
        receipt = await sink.write(ListedBatch(records))
        assert [(each.record.seq, "no value" in each.reason) for each in receipt.refused] == [(4, True)]
    day = ticks.day(OLD)
    assert held(store, bucket) == {
        f"sitewise/houston/dt={day}/live-1-3.csv": (
            f"{T},DOUBLE,1769308800,0,GOOD,1.5\n{T},DOUBLE,1769308800,100,GOOD,3.5\n"
        )
    }
    assert double.account.values(T) == [2.5]
    assert double.account.jobs == []
    await sink.close()


async def test_what_is_sent_again_replaces_no_other_file(double: Double, store: Store, bucket: str) -> None:
    """Dead letters around a value that was taken span its places; their file is one of its own."""
    sink = made(double, store, bucket)
    first, middle, last = (record(seq, seq + 0.5, at=OLD + seq) for seq in (1, 2, 3))
    bad = record(1, NO_DATA, at=OLD, status=BAD), record(3, NO_DATA, at=OLD, status=BAD)
    await sink.write(ListedBatch([bad[0], middle, bad[1]]))
    await sink.write(ListedBatch([first, last]))
    assert sorted(name.rpartition("/")[2] for name in held(store, bucket)) == ["live-1-3.csv", "live-2-2.csv"]
    await sink.close()


async def test_an_import_is_started_where_there_is_a_role(double: Double, store: Store, bucket: str) -> None:
    """One job for a file, by its name: a second try starts no second one."""
    sink = made(double, store, bucket, role_arn=ROLE, prefix="/in/")
    batch = ListedBatch([record(1, 1.5, at=OLD)])
    for _ in range(2):
        await sink.write(batch)
    (job,) = double.account.jobs
    assert re.fullmatch(rf"pibridge-houston-history-{ticks.day(OLD)}-live-1-1-[0-9a-f]{{12}}", job["jobName"])
    assert job["jobRoleArn"] == ROLE
    assert job["files"] == [{"bucket": bucket, "key": f"in/dt={ticks.day(OLD)}/live-1-1.csv"}]
    assert job["errorReportLocation"] == {"bucket": bucket, "prefix": "in/errors/"}
    columns = ["ALIAS", "DATA_TYPE", "TIMESTAMP_SECONDS", "TIMESTAMP_NANO_OFFSET", "QUALITY", "VALUE"]
    assert job["jobConfiguration"] == {"fileFormat": {"csv": {"columnNames": columns}}}
    await sink.write(ListedBatch([record(1, 2.5, at=OLD)]))
    assert len(double.account.jobs) == 2
    await sink.close()


async def test_too_many_imports_are_waited_for(double: Double, store: Store, bucket: str) -> None:
    """A job that cannot be started now is started later; young values are not put twice for it."""
    sink = made(double, store, bucket, role_arn=ROLE)
    batch = ListedBatch([record(1, 1.5, at=OLD), record(2, 2.5)])
    double.refuses = [None, RefusedError(410, "LimitExceededException")]
    with pytest.raises(UnavailableError, match=r"start the import of s3://.*LimitExceededException"):
        await sink.write(batch)
    await sink.write(batch)
    assert len(double.account.jobs) == 1
    assert len(double.puts()) == 1
    await sink.close()


async def test_a_bucket_that_is_not_there_is_told(double: Double, store: Store) -> None:
    """Nothing is refused: the values wait for the bucket."""
    sink = made(double, store, f"none-{uuid.uuid4().hex}")
    with pytest.raises(UnavailableError, match=r"cannot write s3://none-.*NoSuchBucket"):
        await sink.write(ListedBatch([record(1, 1.5, at=OLD)]))
    with pytest.raises(UnavailableError, match="NoSuchBucket"):
        await sink.probe()
    await sink.close()


async def test_a_probe_tries_the_bucket_too(double: Double, store: Store, bucket: str) -> None:
    """An empty object, which stays."""
    sink = made(double, store, bucket)
    assert f"wrote the empty object s3://{bucket}/sitewise/houston/_pibridge_check" in await sink.probe()
    assert held(store, bucket) == {"sitewise/houston/_pibridge_check": ""}
    await sink.close()
