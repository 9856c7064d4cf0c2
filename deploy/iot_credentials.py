#!/usr/bin/env python3
"""AWS credentials by a device's certificate: the `credential_process` of an AWS profile.

iot_credentials.py https://ENDPOINT/role-aliases/ALIAS/credentials THING FOLDER
"""

import http.client
import json
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

_PATIENCE_S = 20


def credentials(address: str, thing: str, folder: Path) -> dict[str, object]:
    """Ask the credentials provider of AWS IoT. `folder`: has device.pem, device.key and root-ca.pem."""
    trust = ssl.create_default_context(cafile=str(folder / "root-ca.pem"))
    trust.load_cert_chain(folder / "device.pem", folder / "device.key")
    where = urlsplit(address)
    connection = http.client.HTTPSConnection(where.netloc, timeout=_PATIENCE_S, context=trust)
    try:
        connection.request("GET", where.path, headers={"x-amzn-iot-thingname": thing})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        sys.exit(f"{address}: HTTP {answer.status} {body[:500].decode(errors='replace')}")
    given = json.loads(body)["credentials"]
    return {
        "Version": 1,
        "AccessKeyId": given["accessKeyId"],
        "SecretAccessKey": given["secretAccessKey"],
        "SessionToken": given["sessionToken"],
        "Expiration": given["expiration"],
    }


if __name__ == "__main__":
    _, address, thing, folder = sys.argv
    sys.stdout.write(json.dumps(credentials(address, thing, Path(folder))))
