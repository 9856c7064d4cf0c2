"""Values that are too old for SiteWise's own door: CSV files in S3, and the jobs that import them."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from pibridge.sinks.contract import Bounds
from pibridge.sinks.formats import name_of, stem_of
from pibridge.sinks.settings import BulkImportSettings
from pibridge.sinks.sitewise.bulk_csv import COLUMNS, bulk_csv
from pibridge.sinks.sitewise.client import Clients, code_of, unavailable
from pibridge.sinks.sitewise.tqv import Tqv

_DIGITS: Final = 12
_ALLOW_JOB: Final = "allow iotsitewise:CreateBulkImportJob, and iam:PassRole on bulk_import.role_arn"


class BulkImport:
    """Writes `{prefix}/dt=YYYY-MM-DD/{lane}-{first}-{last}.csv`, and starts an import job for it if there is a role."""

    def __init__(
        self, name: str, site: str, settings: BulkImportSettings, clients: Clients, sitewise_url: str | None
    ) -> None:
        self._job = f"pibridge-{site}-{name}"
        self._settings = settings
        self._prefix = settings.prefix.replace("{site}", site).strip("/")
        self._clients = clients
        self._sitewise_url = sitewise_url

    async def write(self, values: Sequence[Tqv], bounds: Bounds) -> None:
        """Write one object with these values, in place of one of the same name. Raises UnavailableError."""
        name = name_of(bounds, "csv")
        body = bulk_csv(values)
        key = await self._put(name, body)
        if self._settings.role_arn is not None:
            # The same file starts one job; another one under the same key, as of a new journal, starts its own.
            place = f"{bounds.day}-{stem_of(bounds)}"
            digest = sha256(body).hexdigest()[:_DIGITS]
            await self._start(self._settings.role_arn, f"{self._job}-{place}-{digest}", key)

    async def probe(self) -> str:
        """Write an empty object, as `write` would, and say so. Raises UnavailableError."""
        key = await self._put("_pibridge_check", b"")
        return f"wrote the empty object s3://{self._settings.bucket}/{key} (it stays there)"

    async def _put(self, name: str, body: bytes) -> str:
        key = f"{self._prefix}/{name}" if self._prefix else name
        bucket = self._settings.bucket
        client = await self._clients.of("s3", self._settings.endpoint_url)
        try:
            await client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/csv")
        except (BotoCoreError, ClientError) as error:
            allow = f"allow s3:PutObject on arn:aws:s3:::{bucket}/{self._prefix}*"
            raise unavailable(f"write s3://{bucket}/{key}", error, allow=allow) from None
        return key

    async def _start(self, role: str, job: str, key: str) -> None:
        bucket = self._settings.bucket
        client = await self._clients.of("iotsitewise", self._sitewise_url)
        try:
            await client.create_bulk_import_job(
                jobName=job,
                jobRoleArn=role,
                files=[{"bucket": bucket, "key": key}],
                errorReportLocation={"bucket": bucket, "prefix": f"{self._prefix}/errors/".lstrip("/")},
                jobConfiguration={"fileFormat": {"csv": {"columnNames": list(COLUMNS)}}},
            )
        except (BotoCoreError, ClientError) as error:
            # A try before this one has started it.
            if code_of(error) != "ResourceAlreadyExistsException":
                raise unavailable(f"start the import of s3://{bucket}/{key}", error, allow=_ALLOW_JOB) from None
