import json
import re
import tomllib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import build
import pibridge
from component.recipes import MOST_BYTES, config_problems, problems

ROOT = Path(__file__).parents[2]
SOURCE = json.loads((ROOT / "recipes" / "recipe.json").read_text(encoding="utf-8"))
CONFIG = json.loads((ROOT / "gdk-config.json").read_text(encoding="utf-8"))
FILES = {f"pibridge-{target}.zip" for target in build.TARGETS}
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:plant/pi-AbCdEf"


def built(*secrets: str, targets: tuple[str, ...] = tuple(build.TARGETS)) -> dict[str, Any]:
    """Give the recipe as it is published."""
    recipe: dict[str, Any] = json.loads(
        build.recipe_text(build.built_recipe(SOURCE, build.identity(), targets, secrets))
    )
    return recipe


def test_the_recipe_keeps_the_rules_of_both_nuclei() -> None:
    """Every key, value and path of the built recipe is one that classic and lite know, and it is short enough."""
    assert problems(built(), FILES) == []
    assert len(build.recipe_text(built()).encode()) <= MOST_BYTES
    assert len((ROOT / "recipes" / "recipe.json").read_bytes()) <= MOST_BYTES


def test_the_gdk_finds_what_it_needs() -> None:
    """Its configuration keeps its schema, and a recipe stands beside it, the one from which is built."""
    assert list(config_problems(CONFIG)) == []
    assert [path.name for path in sorted(ROOT.glob("recipe.*"))] == ["recipe.json"]
    assert json.loads((ROOT / "recipe.json").read_text(encoding="utf-8")) == SOURCE


def test_there_is_one_version() -> None:
    """Component, package and what the daemon says of itself have the same."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert build.identity() == ("io.pibridge.Connector", package, "PI Bridge")
    assert pibridge.__version__ == package


def test_the_component_may_do_little() -> None:
    """It sends below pi/ and pibridge/, to IoT Core and on the core; it listens below pibridge/, and nothing else."""
    access = built()["ComponentConfiguration"]["DefaultConfiguration"]["accessControl"]
    allowed = {
        operation.partition("#")[2]: policy["resources"]
        for policies in access.values()
        for policy in policies.values()
        for operation in policy["operations"]
    }
    own = ["pibridge/*"]
    records = ["pi/*", *own]
    assert allowed == {
        "PublishToIoTCore": records,
        "PublishToTopic": records,
        "SubscribeToIoTCore": own,
        "SubscribeToTopic": own,
    }


def test_with_secrets_it_may_read_just_them() -> None:
    """The variant for the classic nucleus differs in the one dependency and the one policy."""
    plain, secret = built(), built(SECRET)
    assert problems(secret, FILES, lite=False) == []
    assert "aws.greengrass.SecretManager: is not on lite" in problems(secret, FILES)
    del secret["ComponentDependencies"]["aws.greengrass.SecretManager"]
    access = secret["ComponentConfiguration"]["DefaultConfiguration"]["accessControl"]
    [policy] = access.pop("aws.greengrass.SecretManager").values()
    assert policy["resources"] == [SECRET]
    assert secret == plain


def test_only_what_is_built_is_in_the_recipe() -> None:
    """A build for one kind of core names no artifact of another."""
    recipe = built(targets=("linux-aarch64",))
    assert problems(recipe, {"pibridge-linux-aarch64.zip"}) == []
    assert [manifest["Platform"]["architecture"] for manifest in recipe["Manifests"]] == ["aarch64"]


def test_configuration_is_in_no_script() -> None:
    """Else the classic nucleus would start the component anew for each change."""
    assert "{configuration:" not in json.dumps(SOURCE)


def renamed(node: dict[str, Any], old: str, new: str) -> None:
    """Write a key otherwise."""
    node[new] = node.pop(old)


def manifest(recipe: dict[str, Any]) -> dict[str, Any]:
    """Give the first manifest."""
    first: dict[str, Any] = recipe["Manifests"][0]
    return first


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda r: renamed(manifest(r), "Lifecycle", "Lifecyle"), "linux-amd64.Lifecyle: unknown key"),
        (lambda r: renamed(manifest(r)["Lifecycle"], "install", "intsall"), "Lifecycle.intsall: unknown key"),
        (lambda r: renamed(manifest(r)["Lifecycle"], "run", "Run"), "Lifecycle.Run: unknown key"),
        (lambda r: renamed(manifest(r)["Lifecycle"], "run", "startup"), "Lifecycle.startup: unknown key"),
        (lambda r: renamed(manifest(r)["Artifacts"][0], "Uri", "URI"), "Artifacts.URI: unknown key"),
        (lambda r: renamed(manifest(r)["Lifecycle"]["run"], "Script", "script"), "run.script: unknown key"),
        (lambda r: renamed(r, "Manifests", "manifests"), "recipe.manifests: unknown key"),
        (lambda r: manifest(r)["Platform"].pop("runtime"), "linux-amd64.Platform.runtime: missing"),
        (lambda r: manifest(r)["Platform"].update(architecture="x86_64"), "Platform.architecture: not exactly one"),
        (lambda r: manifest(r)["Platform"].update(architecture="/a.*/"), "Platform.architecture: not exactly one"),
        (lambda r: manifest(r).pop("Artifacts"), "linux-amd64.Artifacts: missing"),
        (lambda r: manifest(r)["Artifacts"][0].update(Unarchive="TAR"), "Unarchive: neither ZIP nor NONE"),
        (lambda r: manifest(r)["Artifacts"][0].update(Uri="s3://BUCKET_NAME/x.zip"), "x.zip was not built"),
        (lambda r: manifest(r)["Lifecycle"]["run"].update(Script='"{work:pth}/x"'), "{work:pth} is not known"),
        (lambda r: manifest(r)["Lifecycle"]["run"].update(Script="exec {work:path}/x"), "a path that is not quoted"),
        (lambda r: manifest(r)["Lifecycle"]["run"].update(Script='"{work:path}/x"'), "without exec"),
        (lambda r: manifest(r)["Lifecycle"]["install"].update(Timeout="5m"), "Timeout: no whole number"),
        (lambda r: r.update(ComponentVersion="{COMPONENT_VERSION}"), "a placeholder was not replaced"),
        (lambda r: r.update(RecipeFormatVersion="2020-01-26"), "2020-01-25 only"),
        (lambda r: r["ComponentDependencies"].update({"aws.greengrass.StreamManager": {}}), "is not on lite"),
    ],
)
def test_what_the_vendors_tools_let_pass_is_found(spoil: Callable[[dict[str, Any]], None], said: str) -> None:
    """A typing mistake in a key, a value of another case, a path of nothing: each is told."""
    recipe = deepcopy(built())
    spoil(recipe)
    assert any(said in problem for problem in problems(recipe, FILES)), problems(recipe, FILES)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda c: c.update(gdk_version="1"), "gdk_version: no version"),
        (lambda c: c["component"].update(other={}), "exactly one"),
        (lambda c: c["component"]["io.pibridge.Connector"].update(version="1.0"), "neither a version nor NEXT_PATCH"),
        (lambda c: c["component"]["io.pibridge.Connector"]["build"].pop("custom_build_command"), "missing"),
        (lambda c: c["component"]["io.pibridge.Connector"].pop("publish"), "publish: missing"),
    ],
)
def test_a_wrong_gdk_configuration_is_found(spoil: Callable[[dict[str, Any]], None], said: str) -> None:
    """The rules of its schema are kept."""
    config = deepcopy(CONFIG)
    spoil(config)
    assert any(said in problem for problem in config_problems(config))


def test_a_recipe_that_is_too_long_is_not_built() -> None:
    """Greengrass takes 16,000 bytes."""
    with pytest.raises(SystemExit, match="Greengrass takes 16000"):
        build.recipe_text(built(*(f"{SECRET}{number}" for number in range(300))))


def test_each_system_gets_what_is_locked_for_it() -> None:
    """Markers of the lock count for the core, not for the machine that builds; pyarrow comes with Parquet only."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    def names(system: str, *, parquet: bool) -> set[str]:
        return set(re.findall(r"^([\w-]+)==", build.requirements(lock, system, parquet=parquet), flags=re.MULTILINE))

    everything = set(re.findall(r"^([\w-]+)==", lock, flags=re.MULTILINE))
    assert names("win32", parquet=True) == everything
    assert everything - names("linux", parquet=False) == {"colorama", "pyarrow"}
    assert build.requirements(lock, "linux", parquet=True).count("--hash=sha256:") > len(everything)


def test_an_unknown_marker_ends_the_build() -> None:
    """What cannot be decided is not guessed."""
    with pytest.raises(SystemExit, match="python_version"):
        build.requirements("a==1 ; python_version < '3.12' \\\n    --hash=sha256:0\n", "linux", parquet=True)
