"""Messages to AWS IoT Core by an MQTT 5 connection of our own, each confirmed by a PUBACK."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.exceptions import AwsCrtError
from awscrt.io import ClientBootstrap

from pibridge.errors import ConfigurationError
from pibridge.sinks.mqtt_link import Broker
from pibridge.sinks.mqtt_reasons import Advice
from pibridge.sinks.mqtt_tls import tls_context
from pibridge.sinks.mqtt_wires import Login
from pibridge.sinks.publishing import PublishingSink
from pibridge.sinks.settings import IotCoreSettings, client_ids

_MQTT_PORT: Final = 8883
_HTTPS_PORT: Final = 443
_ALPN: Final = {("x509", _HTTPS_PORT): ("x-amzn-mqtt-ca",), ("sigv4", _HTTPS_PORT): ("http/1.1",)}
_REGION: Final = re.compile(r"\.iot(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")
_BASIC_INGEST: Final = re.compile(r"\$aws/rules/[^/]+/", re.IGNORECASE)
_MOST_TOPIC_BYTES: Final = 256
_MOST_SLASHES: Final = 7
_MOST_CLIENT_ID_BYTES: Final = 128


def iot_mqtt_sink(
    name: str, settings: IotCoreSettings, site: str, environ: Mapping[str, str], *, patience_s: float = 30.0
) -> PublishingSink:
    """Make the sink `name`. `patience_s`: how long the far side may be silent. Raises ConfigurationError.

    `environ`: the environment, which may name the region and the Greengrass core's thing.
    """
    broker = iot_broker(name, settings, site, environ, patience_s=patience_s)
    return PublishingSink(settings, site, broker, unfit_for_iot_core)


def iot_broker(  # noqa: PLR0913 - a sink's place, and what people can do
    name: str,
    settings: IotCoreSettings,
    site: str,
    environ: Mapping[str, str],
    *,
    right: str = "allow iot:Publish on its arn:aws:iot:…:topic/…, or leave these records out by a filter",
    patience_s: float = 30.0,
) -> Broker:
    """Give the broker of the sink `name`. `right`: what lets us publish, for people. Raises ConfigurationError."""
    problems = _problems(settings, site, environ)
    if problems or settings.endpoint is None:
        raise ConfigurationError([f"sinks.{name}.{problem}" for problem in problems])
    endpoint = settings.endpoint
    client_id = settings.client_id.replace("{site}", site)
    with_certificate = settings.auth == "x509"
    port = settings.port or (_MQTT_PORT if with_certificate else _HTTPS_PORT)
    who = "the certificate be active and its" if with_certificate else "the role's"

    def login(bootstrap: ClientBootstrap) -> Login:
        tls = tls_context(
            f"sinks.{name}",
            ca_file=settings.ca_file,
            cert_file=settings.cert_file if with_certificate else None,
            key_file=settings.key_file if with_certificate else None,
            alpn=_ALPN.get((settings.auth, port), ()),
        )
        return Login(tls, handshake=None if with_certificate else _signed(region_of(endpoint, environ), bootstrap))

    advice = Advice(
        sink=name,
        address=f"AWS IoT Core at {endpoint}:{port}",
        login=f"let {who} policy allow iot:Connect on client/{client_id}*",
        right=right,
    )
    return Broker(endpoint, port, login, advice, patience_s=patience_s)


def unfit_for_iot_core(topic: str) -> str:
    """Say why AWS IoT Core would refuse the topic, or nothing. What basic ingest puts before it does not count."""
    counted = _BASIC_INGEST.sub("", topic, count=1) if topic.startswith("$") else topic
    size_bytes = len(counted.encode())
    if size_bytes > _MOST_TOPIC_BYTES:
        return f"{size_bytes} bytes, AWS IoT Core allows {_MOST_TOPIC_BYTES}"
    slashes = counted.count("/")
    if slashes > _MOST_SLASHES:
        return f"{slashes} slashes, AWS IoT Core allows {_MOST_SLASHES}"
    return ""


def region_of(endpoint: str, environ: Mapping[str, str]) -> str:
    """Give the region that the endpoint names, or else the environment; empty if neither does."""
    named = _REGION.search(endpoint)
    return named[1] if named else environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""


def _problems(settings: IotCoreSettings, site: str, environ: Mapping[str, str]) -> list[str]:
    problems = []
    if settings.endpoint is None:
        problems.append("endpoint: missing; add what `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints")
    elif settings.auth == "sigv4" and not region_of(settings.endpoint, environ):
        problems.append("endpoint: names no region; set AWS_REGION")
    if settings.auth == "x509" and settings.cert_file is None:
        problems.append("cert_file: missing; add cert_file and key_file, or write auth: sigv4")
    client_id = settings.client_id.replace("{site}", site)
    for each in (*client_ids(client_id, settings.connections), f"{client_id}-check", f"{client_id}-remote"):
        if len(each.encode()) > _MOST_CLIENT_ID_BYTES:
            problems.append(f"client_id: {each} is too long; AWS IoT Core allows {_MOST_CLIENT_ID_BYTES} bytes")
            break
    if client_id == environ.get("AWS_IOT_THING_NAME"):
        problems.append(f"client_id: {client_id} is the Greengrass core's own; write another one")
    return problems


def _signed(region: str, bootstrap: ClientBootstrap) -> Callable[[Any], None]:
    """Sign the request that opens the WebSocket, with credentials that are looked for where AWS tools look."""
    provider = AwsCredentialsProvider.new_default_chain(bootstrap)

    def sign(transform_args: Any) -> None:  # the library gives it by this name
        try:
            signing = aws_sign_request(
                transform_args.http_request,
                AwsSigningConfig(
                    algorithm=AwsSigningAlgorithm.V4,
                    signature_type=AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
                    credentials_provider=provider,
                    region=region,
                    service="iotdevicegateway",
                    # AWS IoT takes the token beside the signature, not in it.
                    omit_session_token=True,
                ),
            )
        except (AwsCrtError, RuntimeError) as error:
            transform_args.set_done(error)
        else:
            signing.add_done_callback(lambda signed: transform_args.set_done(signed.exception()))

    return sign
