"""The configuration as an object in S3, read again when its ETag changes."""

import os
import re
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NoAnswerError
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.s3 import S3RequestType, S3ResponseError

from pibridge.config.source import Version
from pibridge.errors import ConfigurationError, PIBridgeError, UnavailableError
from pibridge.sinks.s3 import Connection, Endpoint, client_hint, endpoint_of
from pibridge.sinks.settings import S3Settings

EVERY_S: Final = 60.0
_PATIENCE_S: Final = 30.0
_SHUTDOWN_S: Final = 5.0
_NAME: Final = re.compile(r"s3://(?P<bucket>[A-Za-z0-9.\-_]{3,63})/(?P<key>.+)")
_CODE: Final = re.compile("<Code>(.*?)</Code>")
_NOT_THERE: Final = frozenset({"NoSuchBucket", "NoSuchKey"})


class S3Source:
    """`s3://bucket/key`, with the region and endpoint of the environment and the credentials of every AWS tool.

    Raises ConfigurationError if the name or the region says nothing.
    """

    def __init__(self, name: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        match = _NAME.fullmatch(name)
        if match is None:
            raise ConfigurationError([f"{name}: no object in S3; write s3://bucket/key"])
        self.name = name
        self._key = match["key"]
        self._endpoint = _endpoint(name, match["bucket"])
        self._monotonic = monotonic
        self._due_s = -EVERY_S
        self._text = self._tag = ""
        self._problem: PIBridgeError | None = None

    def version(self) -> Version:
        """Give the ETag; S3 is asked every minute."""
        if self._monotonic() >= self._due_s:
            self._ask()
        if self._problem is not None:
            raise self._problem
        return self._tag

    def read(self) -> tuple[str, Version]:
        """Ask S3 now."""
        self._ask()
        if self._problem is not None:
            raise self._problem
        return self._text, self._tag

    def _ask(self) -> None:
        self._due_s = self._monotonic() + EVERY_S
        try:
            self._get()
        except PIBridgeError as problem:
            self._problem = problem
        else:
            self._problem = None

    def _get(self) -> None:
        """Fetch the object, if it is another than the one we have."""
        body = bytearray()
        received: dict[str, str] = {}
        headers = HttpHeaders([("Host", self._endpoint.host)])
        if self._tag:
            headers.add("If-None-Match", self._tag)
        # A new one each time: credentials are looked up anew, and no threads wait in between.
        connection = Connection.to(self._endpoint)
        threads_ended = connection.threads.shutdown_event
        request = connection.client.make_request(
            type=S3RequestType.DEFAULT,
            operation_name="GetObject",
            request=HttpRequest("GET", quote(f"{self._endpoint.path}/{self._key}"), headers),
            on_headers=lambda status_code, headers, **_: received.update(  # noqa: ARG005 - named by awscrt
                {field.lower(): value for field, value in headers}
            ),
            on_body=lambda chunk, **_: body.extend(chunk),
        )
        try:
            request.finished_future.result(_PATIENCE_S)
        except NoAnswerError:
            request.cancel()
            raise self._unavailable(f"no answer within {_PATIENCE_S:.0f} s", "check network and firewall") from None
        except S3ResponseError as error:
            if error.status_code != HTTPStatus.NOT_MODIFIED:
                raise self._answered(error) from error
        except AwsCrtError as error:
            raise self._unavailable(f"{error.name}: {error.message}", client_hint(error.name)) from error
        else:
            self._take(bytes(body), received.get("etag", ""))
        finally:
            # An error keeps the frames that it passed; what is in this one would keep the client alive.
            del request, connection
            threads_ended.wait(_SHUTDOWN_S)

    def _take(self, body: bytes, tag: str) -> None:
        try:
            self._text, self._tag = body.decode("utf-8-sig"), tag
        except UnicodeDecodeError:
            raise ConfigurationError([f"{self.name}: is no UTF-8 text; save it as UTF-8"]) from None

    def _answered(self, error: S3ResponseError) -> Exception:
        found = _CODE.search((error.body or b"").decode(errors="replace"))
        code = found[1] if found else f"HTTP {error.status_code}"
        if code in _NOT_THERE:
            return ConfigurationError([f"{self.name}: cannot read the configuration: {code}; name an object that is"])
        if error.status_code == HTTPStatus.FORBIDDEN:
            return self._unavailable(code, "check the AWS credentials, and allow s3:GetObject on this object")
        if error.status_code == HTTPStatus.MOVED_PERMANENTLY:
            return self._unavailable(code, "set AWS_REGION to the bucket's region")
        return self._unavailable(code, "it is tried again by itself")

    def _unavailable(self, what: str, hint: str) -> UnavailableError:
        return UnavailableError(f"cannot read {self.name}: {what}", hint=hint)


def _endpoint(name: str, bucket: str) -> Endpoint:
    address = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    settings = S3Settings.model_validate({"type": "s3", "bucket": bucket, "endpoint_url": address or None})
    try:
        return endpoint_of("", settings)
    except ConfigurationError:
        raise ConfigurationError([f"{name}: the region is not known; set AWS_REGION"]) from None
