"""What tests do in the account on this machine: take steps, and look at what became of them."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import boto3  # type: ignore[import-untyped]  # comes with moto, without types
import yaml

TESTS: Final = Path(__file__).parents[1]
DEPLOY: Final = TESTS.parent / "deploy"
REGION: Final = "eu-west-1"
Ended = subprocess.CompletedProcess[str]


class Account:
    """An account behind this address, with stacks called `pibridge-…`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Give the client of a service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    def close(self) -> None:
        """Let go of all connections."""
        for client in self._clients.values():
            client.close()

    def environment(self, **more: str) -> dict[str, str]:
        """Give what the steps need: this account, the AWS CLI and pibridge."""
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(TESTS.parent / "src"),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }

    def try_step(self, script: str, *options: str, **environment: str) -> Ended:
        """Run a script of deploy/."""
        return subprocess.run(
            [DEPLOY / script, *options],
            env=self.environment(**environment),
            check=False,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def step(self, script: str, *options: str, **environment: str) -> Ended:
        """Run a script of deploy/ that must succeed."""
        ended = self.try_step(script, *options, **environment)
        assert ended.returncode == 0, ended.stderr
        return ended

    def output(self, stack: str, key: str) -> str:
        """Give what a stack says of itself."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        outputs: dict[str, str] = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
        return outputs[key]

    def role_policy(self, stack: str) -> list[dict[str, Any]]:
        """Give the statements of what devices may do by their role."""
        iam, role = self.client("iam"), self.output(stack, "RoleName")
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return statements(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])

    def iot_policy(self, name: str) -> list[dict[str, Any]]:
        """Give the statements of an IoT policy."""
        return statements(self.client("iot").get_policy(policyName=name)["policyDocument"])


def statements(document: Any) -> list[dict[str, Any]]:
    """Give the statements of a policy. Where CloudFormation made it, moto tells it as Python would write it."""
    read = ast.literal_eval(document) if isinstance(document, str) else document
    return [each for each in read["Statement"] if each is not None]


def actions(of: list[dict[str, Any]]) -> set[str]:
    """Give all actions that statements allow."""
    return {action for each in of for action in listed(each["Action"])}


def listed(value: str | list[str]) -> list[str]:
    """Give one or several as several."""
    return [value] if isinstance(value, str) else value


class _Template(yaml.SafeLoader):
    """Reads templates; `!Ref x` is `{"Ref": "x"}`."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


_Template.add_multi_constructor("!", _intrinsic)


def template(name: str) -> dict[str, Any]:
    """Read a template."""
    with (DEPLOY / "cloudformation" / f"{name}.yaml").open(encoding="utf-8") as file:
        found: dict[str, Any] = yaml.load(file, Loader=_Template)  # noqa: S506 - a safe loader that knows intrinsic functions
    return found
