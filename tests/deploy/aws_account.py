"""An AWS account on this machine: moto's server, with what its CloudFormation leaves out.

`main()` prints its port and serves until its standard input ends; it needs a process of its own.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

import boto3  # type: ignore[import-untyped]  # comes with moto, without types
from moto.cloudformation.models import CloudFormationBackend
from moto.core.common_models import CloudFormationModel
from moto.server import ThreadedMotoServer

Made = tuple[str, str]
"""Physical id and ARN of a resource."""
Client = Callable[[str], Any]
"""Gives the client of a service, whose requests botocore judges."""


def glue_database(of: Client, said: Any, _: str) -> Made:
    """Make what AWS::Glue::Database says."""
    of("glue").create_database(**said)
    return said["DatabaseInput"]["Name"], ""


def glue_table(of: Client, said: Any, _: str) -> Made:
    """Make what AWS::Glue::Table says."""
    of("glue").create_table(**said)
    return said["TableInput"]["Name"], ""


def thing_group(of: Client, said: Any, _: str) -> Made:
    """Make what AWS::IoT::ThingGroup says."""
    made = of("iot").create_thing_group(thingGroupName=said["ThingGroupName"])
    return made["thingGroupName"], made["thingGroupArn"]


def topic_rule(of: Client, said: Any, name: str) -> Made:
    """Make what AWS::IoT::TopicRule says."""
    rule = name.replace("-", "_")
    of("iot").create_topic_rule(ruleName=rule, topicRulePayload=small_keys(said["TopicRulePayload"]))
    return rule, of("iot").get_topic_rule(ruleName=rule)["ruleArn"]


def metric_filter(of: Client, said: Any, name: str) -> Made:
    """Make what AWS::Logs::MetricFilter says."""
    asked = small_keys(said)
    for each in asked["metricTransformations"]:
        each["dimensions"] = {dimension["key"]: dimension["value"] for dimension in each["dimensions"]}
    of("logs").put_metric_filter(filterName=name, **asked)
    return name, ""


def alarm(of: Client, said: Any, _: str) -> Made:
    """Make what AWS::CloudWatch::Alarm says."""
    of("cloudwatch").put_metric_alarm(**{**said, "Threshold": float(said["Threshold"])})
    return said["AlarmName"], ""


def delivery_stream(of: Client, said: Any, name: str) -> Made:
    """Make what AWS::KinesisFirehose::DeliveryStream says."""
    return name, of("firehose").create_delivery_stream(DeliveryStreamName=name, **said)["DeliveryStreamARN"]


def small_keys(said: Any) -> Any:
    """Give what CloudFormation says in the words of the API."""
    if isinstance(said, dict):
        return {key[0].lower() + key[1:]: small_keys(below) for key, below in said.items()}
    return [small_keys(below) for below in said] if isinstance(said, list) else said


# Not AWS::S3::BucketPolicy: moto denies what a policy denies under whatever condition.
MISSING: Final = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::Glue::Database": glue_database,
    "AWS::Glue::Table": glue_table,
    "AWS::IoT::ThingGroup": thing_group,
    "AWS::IoT::TopicRule": topic_rule,
    "AWS::KinesisFirehose::DeliveryStream": delivery_stream,
    "AWS::Logs::MetricFilter": metric_filter,
}


class Resource:
    """What moto's CloudFormation asks of a resource."""

    def __init__(self, made: Made) -> None:
        self.physical_resource_id, self.arn = made

    @staticmethod
    def cloudformation_name_type() -> str:
        """Give no key for its name: the functions above know."""
        return ""

    @staticmethod
    def has_cfn_attr(attr: str) -> bool:
        """Tell what Fn::GetAtt finds."""
        return attr == "Arn"

    def get_cfn_attribute(self, _: str) -> str:
        """Give that."""
        return self.arn


def teach(kind: str, make: Callable[[Client, Any, str], Made], url: str) -> type:
    """Let moto's CloudFormation make resources of this kind."""

    def create(cls: Any, resource_name: str, said: Any, _: str, region_name: str, **__: Any) -> Any:
        def client(service: str) -> Any:
            return boto3.client(service, endpoint_url=url, region_name=region_name)

        return cls(make(client, said["Properties"], resource_name))

    methods = {
        "__module__": f"moto.{make.__name__}",
        "cloudformation_type": staticmethod(lambda: kind),
        "create_from_cloudformation_json": classmethod(create),  # type: ignore[arg-type]  # of no class yet
    }
    return type(make.__name__, (Resource, CloudFormationModel), methods)


def remember_outputs() -> None:
    """Let stacks have outputs that a change set has made, as those have that were made at once."""
    execute = CloudFormationBackend.execute_change_set

    def executed(self: Any, *args: Any, **kwargs: Any) -> None:
        execute(self, *args, **kwargs)
        for stack in self.stacks.values():
            stack._parse_template()
            stack.output_map = stack._create_output_map()

    CloudFormationBackend.execute_change_set = executed  # type: ignore[method-assign]  # moto's is amended


def main() -> None:
    """Serve."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    known = [teach(*each, f"http://{host}:{port}") for each in MISSING.items()]
    remember_outputs()
    print(port, flush=True)  # noqa: T201 - who started it waits for this
    sys.stdin.read()
    known.clear()
    server.stop()
