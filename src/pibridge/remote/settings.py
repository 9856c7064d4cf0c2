"""What is told from afar, and what is taken from there: `remote` in the configuration."""

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from pibridge.model.settings import Duration, Settings

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def _topic(text: str) -> str:
    if unknown := [name for name in _PLACEHOLDER.findall(text) if name != "site"]:
        raise ValueError(f"unknown {{{unknown[0]}}}; use {{site}}")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        raise ValueError("a brace without its partner; use {site}")
    if re.search(r"[+#\0]", text):
        raise ValueError("has a wildcard; name one topic")
    return text


Topic = Annotated[str, Field(min_length=1), AfterValidator(_topic)]
"""One topic, in which `{site}` stands for the site."""


class HealthSettings(Settings):
    """How the daemon is, in a record now and then."""

    topic: Topic = Field("pibridge/{site}/health", description="Topic of the health records.")
    every: Duration = Field(60.0, gt=0, description="How often one is told.")


class CommandSettings(Settings):
    """Requests that are taken, and where they are answered."""

    topic: Topic = Field(
        "pibridge/{site}/commands", description="Topic of the requests: who may publish there, may ask."
    )
    answers: Topic = Field("pibridge/{site}/answers", description="Topic of the answers.")

    @model_validator(mode="after")
    def _two_topics(self) -> Self:
        if self.topic == self.answers:
            raise ValueError("has answers on the topic of the requests; write two topics")
        return self


class RemoteSettings(Settings):
    """Telemetry, and requests from afar, by a connection of its own."""

    via: str = Field(
        min_length=1,
        description="Name of a sink, iot_core, mqtt or greengrass_local: as it connects, so does this.",
    )
    health: HealthSettings | None = Field(
        default_factory=HealthSettings, description="Health records. null: none are told."
    )
    commands: CommandSettings | None = Field(None, description="Requests that are taken. null: none are.")
