import base64
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cloud import DEPLOY, Account

pytestmark = pytest.mark.timeout(300)  # each step is many runs of the AWS CLI
CONFIGURATION = """
site: ${env:AWS_IOT_THING_NAME}
pi: {url: https://pi.example.com/piwebapi, auth: {method: basic, username: u, password: '${file:/run/secrets/pi}'}}
streams: {all: {select: {points_file: tags.csv}}}
sinks: {lake: {type: s3, bucket: acme-historian}}
"""


class Greengrass:
    """Greengrass's cloud, as far as step 3 needs it: moto has none. `recipes`: what was published."""

    def __init__(self) -> None:
        self.recipes: list[dict[str, Any]] = []
        told = self.recipes

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/greengrass/v2/createComponentVersion"
                told.append(asked)
                name = {"componentName": "io.pibridge.Connector", "componentVersion": "1.2.3"}
                rest = {
                    "arn": "arn:aws:greengrass:::",
                    "creationTimestamp": 1.0,
                    "status": {"componentState": "REQUESTED"},
                }
                body = json.dumps({**name, **rest}).encode()
                self.send_response(201)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def greengrass() -> Iterator[Greengrass]:
    """Run one."""
    greengrass = Greengrass()
    yield greengrass
    greengrass.stop()


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Lay down what component/build.py writes."""
    folder = tmp_path / "greengrass-build"
    artifacts = folder / "artifacts" / "io.pibridge.Connector" / "1.2.3"
    artifacts.mkdir(parents=True)
    (artifacts / "pibridge.zip").write_bytes(b"PK")
    (folder / "recipes").mkdir()
    uri = "s3://BUCKET_NAME/io.pibridge.Connector/1.2.3/pibridge.zip"
    (folder / "recipes" / "recipe.json").write_text(json.dumps({"Manifests": [{"Artifacts": [{"Uri": uri}]}]}))
    return folder


def keys(account: Account) -> set[str]:
    """Give what is in the store."""
    found = account.client("s3").list_objects_v2(Bucket=account.output("pibridge-fleet", "StoreBucketName"))
    return {each["Key"] for each in found.get("Contents", [])}


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("create-stacks.sh", ["--sites", "oslo"]),
        ("provision-device.sh", ["--site", "oslo", "--out", "OUT"]),
        ("publish-component.sh", ["--build", "BUILD"]),
        ("update-config.sh", ["CONFIG", "--site", "oslo"]),
    ],
)
def test_a_dry_run_needs_no_account(tmp_path: Path, build: Path, script: str, options: list[str]) -> None:
    """Without any account, a dry run says the commands, and leaves nothing behind."""
    config = tmp_path / "plant.yaml"
    config.write_text(CONFIGURATION)
    words = {"OUT": str(tmp_path / "out"), "BUILD": str(build), "CONFIG": str(config)}
    before = set(tmp_path.rglob("*"))
    nowhere = Account("http://127.0.0.1:9")
    ended = nowhere.step(script, *(words.get(each, each) for each in options), "--dry-run", AWS_MAX_ATTEMPTS="1")
    assert "+ aws " in ended.stderr
    assert set(tmp_path.rglob("*")) == before


def test_step_1_makes_alarms_for_each_site(account: Account) -> None:
    """Six alarms a site, with the limits that were chosen."""
    made = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len({each["AlarmName"] for each in made}) == 12
    assert {each["Threshold"] for each in made if each["AlarmName"].endswith("has an old gap")} == {7200.0}


@pytest.mark.parametrize(
    ("kind", "policy", "wrote"),
    [
        ("greengrass-lite", "pibridge-fleet-core", {"nucleus.yaml"}),
        ("greengrass", "pibridge-fleet-core", {"nucleus.yaml"}),
        ("standalone", "pibridge-fleet-standalone", {"aws-config", "sink.yaml", "iot_credentials.py"}),
    ],
)
def test_step_2_makes_a_device_known(account: Account, tmp_path: Path, kind: str, policy: str, wrote: set[str]) -> None:
    """Thing, certificate of the device's own key, policy and group are there, and the files for the device."""
    authority = tmp_path / "ca.pem"
    authority.write_text("the root")
    out = tmp_path / "device"
    options = ["--site", kind, "--for", kind, "--out", str(out), "--root-ca", str(authority)]
    account.step("provision-device.sh", *options, "--at", "/etc/pibridge/device")
    assert {path.name for path in out.iterdir()} == {"device.key", "device.csr", "device.pem", "root-ca.pem"} | wrote
    assert (out / "device.key").stat().st_mode & 0o777 == 0o600
    iot = account.client("iot")
    (certificate,) = iot.list_thing_principals(thingName=kind)["principals"]
    assert [each["policyName"] for each in iot.list_attached_policies(target=certificate)["policies"]] == [policy]
    assert kind in iot.list_things_in_thing_group(thingGroupName="pibridge")["things"]
    said = iot.describe_certificate(certificateId=certificate.rpartition("/")[2])["certificateDescription"]
    assert said["status"] == "ACTIVE"
    assert (out / "device.pem").read_text().strip() == said["certificatePem"].strip()
    # Again: the key stays.
    key = (out / "device.key").read_text()
    account.step("provision-device.sh", *options)
    assert (out / "device.key").read_text() == key


def test_the_nucleus_is_configured(account: Account, tmp_path: Path) -> None:
    """nucleus.yaml names the thing, the files where they will be, the endpoints and the role alias."""
    authority = tmp_path / "ca.pem"
    authority.write_text("the root")
    out = tmp_path / "device"
    account.step("provision-device.sh", "--site", "bergen", "--out", str(out), "--root-ca", str(authority))
    said = yaml.safe_load((out / "nucleus.yaml").read_text())
    assert said["system"]["thingName"] == "bergen"
    assert said["system"]["privateKeyPath"] == str(out / "device.key")
    nucleus = said["services"]["aws.greengrass.NucleusLite"]["configuration"]
    assert nucleus["iotRoleAlias"] == account.output("pibridge-fleet", "RoleAliasName")
    assert "-ats.iot.eu-west-1" in nucleus["iotDataEndpoint"]
    assert "credentials.iot.eu-west-1" in nucleus["iotCredEndpoint"]


def test_step_3_publishes_and_deploys(account: Account, greengrass: Greengrass, build: Path) -> None:
    """The artifact is where the recipe says, the recipe is published, and the group's deployment is made."""
    account.step("publish-component.sh", "--build", str(build), AWS_ENDPOINT_URL_GREENGRASSV2=greengrass.url)
    store = account.output("pibridge-fleet", "StoreBucketName")
    key = "components/io.pibridge.Connector/1.2.3/pibridge.zip"
    assert key in keys(account)
    (published,) = greengrass.recipes
    assert f"s3://{store}/{key}" in str(_recipe(published))
    (stack,) = account.client("cloudformation").describe_stacks(StackName="pibridge-component")["Stacks"]
    said = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    group = account.output("pibridge-fleet", "ThingGroupArn")
    assert said == {
        "ThingGroupArn": group,
        "ComponentVersion": "1.2.3",
        "ConfigFrom": f"s3://{store}/config/fleet.yaml",
    }


def _recipe(published: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(published["inlineRecipe"]))


def test_a_fleet_is_configured_in_one_step(account: Account, tmp_path: Path) -> None:
    """A right configuration is put where all cores read it, or those of one site; its secrets need not be here."""
    file = tmp_path / "plant.yaml"
    file.write_text(CONFIGURATION)
    account.step("update-config.sh", str(file))
    account.step("update-config.sh", str(file), "--site", "houston")
    assert {"config/fleet.yaml", "config/houston.yaml"} <= keys(account)


def test_a_wrong_configuration_stays_here(account: Account, tmp_path: Path) -> None:
    """What is wrong is told by its key, with exit code 2, and nothing is put anywhere."""
    file = tmp_path / "plant.yaml"
    file.write_text(CONFIGURATION.replace("bucket:", "buckett:"))
    ended = account.try_step("update-config.sh", str(file), "--site", "tromso")
    assert ended.returncode == 2
    assert "sinks.lake.buckett" in ended.stderr
    assert "config/tromso.yaml" not in keys(account)


@pytest.mark.parametrize(
    ("script", "options", "said"),
    [
        ("create-stacks.sh", [], "which sites are there?"),
        ("create-stacks.sh", ["--sites", "a", "--set", "Format=jsonl"], "write STACK.KEY=VALUE"),
        ("create-stacks.sh", ["--site", "a"], "unknown: --site; see --help"),
        ("provision-device.sh", ["--site", "a b"], "which site?"),
        ("provision-device.sh", ["--site", "a", "--for", "pi"], "there are greengrass-lite, greengrass and standalone"),
        (
            "provision-device.sh",
            ["--site", "a", "--name", "other"],
            "the stack other-fleet has no output CorePolicyName",
        ),
        ("publish-component.sh", ["--build", "/nowhere"], "holds no built component"),
        ("update-config.sh", [], "which configuration?"),
    ],
)
def test_what_is_missing_is_told(account: Account, script: str, options: list[str], said: str) -> None:
    """A step that cannot be taken says what is missing, and does nothing."""
    ended = account.try_step(script, *options)
    assert ended.returncode == 2
    assert said in ended.stderr


@pytest.mark.parametrize(
    "script", ["create-stacks.sh", "provision-device.sh", "publish-component.sh", "update-config.sh"]
)
def test_help_names_every_option(account: Account, script: str) -> None:
    """--help says what a step does, and each option that it takes."""
    text = account.step(script, "--help").stdout
    options = set(re.findall(r"^    (--[a-z-]+)\)", (DEPLOY / script).read_text(encoding="utf-8"), re.MULTILINE))
    assert options
    assert [option for option in options - {"--help"} if option not in text] == []
