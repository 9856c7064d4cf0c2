import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from deploy.cloud import TESTS, Account, template
from pibridge.sinks import build
from pibridge.sinks.parquet_writer import SCHEMA
from pibridge.sinks.settings import S3Settings
from sinks.batches import ListedBatch
from sinks.plant_records import every_kind
from sinks.read_back import written

pytestmark = pytest.mark.timeout(300)  # each step is many runs of the AWS CLI
Columns = dict[str, str]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def hive(kind: Any) -> str:
    """Give the type of a column in Athena's words."""
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{hive(field.type)}' for field in kind)}>"
    if pa.types.is_list(kind):
        return f"array<{hive(kind.value_type)}>"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    words = {"int32": "int", "int64": "bigint", "double": "double", "bool": "boolean", "string": "string"}
    return words[str(kind)]


def declared(table: str) -> Columns:
    """Give the columns of a table in lake.yaml, with those that come from folders."""
    said = template("lake")["Resources"][table]["Properties"]["TableInput"]
    found = [*said["StorageDescriptor"]["Columns"], *said["PartitionKeys"]]
    return {each["Name"]: each["Type"] for each in found}


def documented() -> list[Columns]:
    """Give the columns of the tables in docs/sinks/s3.md, with those that come from folders."""
    page = (TESTS.parent / "docs" / "sinks" / "s3.md").read_text(encoding="utf-8")
    tables = re.findall(r"CREATE EXTERNAL TABLE \w+ \(\n(.*?)\n\)\nPARTITIONED BY \((.*?)\)", page, flags=re.DOTALL)
    return [_columns(f"{inner}, {partitions}") for inner, partitions in tables]


def _columns(text: str) -> Columns:
    found: Columns = {}
    rest = re.sub(r"\s+", " ", text).replace("`", "")
    while rest:
        name, _, rest = rest.strip().partition(" ")
        end, depth = 0, 0
        while end < len(rest) and (depth or rest[end] != ","):
            depth += {"<": 1, ">": -1}.get(rest[end], 0)
            end += 1
        found[name], rest = re.sub(r"\s+", "", rest[:end]), rest[end + 1 :]
    return found


def test_the_parquet_table_has_the_columns_of_the_sink() -> None:
    """Each column of an object has its name and type in the table; `site` comes from the folder, as `dt` does."""
    assert declared("ParquetTable") == {field.name: hive(field.type) for field in SCHEMA} | {"dt": "string"}


def test_the_tables_are_those_of_the_page() -> None:
    """docs/sinks/s3.md has the same columns, of the same types; of lines it may leave some out."""
    parquet, lines = documented()
    assert parquet == declared("ParquetTable")
    assert lines.items() <= declared("LinesTable").items()


def test_the_lines_table_has_every_field_of_a_record() -> None:
    """Whatever a record says has a column, also within objects."""
    columns = declared("LinesTable")
    for record in written(every_kind()):
        assert record.keys() <= columns.keys()
        for name in ("state", "asset", "batch", "frame"):
            assert record.get(name, {}).keys() <= set(re.findall(r"(\w+):", columns[name]))


async def test_the_table_reads_what_the_sink_writes(account: Account, tmp_path: Path) -> None:
    """An object of the sink lies where the table looks, and DuckDB finds in it the very columns of the table."""
    bucket = account.output("pibridge-lake", "BucketName")
    keys = {"type": "s3", "bucket": bucket, "region": "eu-west-1", "format": "parquet", "endpoint_url": account.url}
    sink = build("lake", S3Settings.model_validate(keys), "dallas")
    await sink.open()
    await sink.write(ListedBatch(every_kind()))
    await sink.close()
    (table,) = account.client("glue").get_tables(DatabaseName="pibridge")["TableList"]
    folder = (
        table["Parameters"]["storage.location.template"].replace("${site}", "dallas").replace("${dt}", "2026-03-09")
    )
    (held,) = account.client("s3").list_objects_v2(Bucket=bucket, Prefix=folder.removeprefix(f"s3://{bucket}/"))[
        "Contents"
    ]
    file = tmp_path / "object.parquet"
    account.client("s3").download_file(bucket, held["Key"], str(file))
    with duckdb.connect() as database:
        found = database.sql(f"SELECT * FROM '{file}'").to_arrow_table().schema  # noqa: S608 - of this test
    columns = {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}
    assert {field.name: hive(field.type) for field in found if field.name != "site"} == columns
