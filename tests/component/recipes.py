"""What AWS asks of a recipe and of gdk-config.json, and what its own tools do not check. Pure."""

import re
from collections.abc import Iterator
from typing import Any, Final

MOST_BYTES: Final = 16_000
MOST_OBJECTS: Final = 255
"""Of objects in one object: lite takes no more."""

_TOP: Final = {
    "RecipeFormatVersion",
    "ComponentName",
    "ComponentVersion",
    "ComponentType",
    "ComponentDescription",
    "ComponentPublisher",
    "ComponentDependencies",
    "ComponentConfiguration",
    "Manifests",
}
_MANIFEST: Final = {"Name", "Platform", "Artifacts", "Lifecycle"}
_PLATFORM: Final = {"os": {"linux", "windows"}, "architecture": {"amd64", "aarch64"}, "runtime": {"*"}}
_ARTIFACT: Final = {"Uri", "Unarchive", "Permission"}
_STEPS: Final = {"install", "run"}
"""Of both nuclei: lite has no others."""
_STEP: Final = {"Script", "Timeout", "Setenv", "RequiresPrivilege", "SkipIf"}
_DEPENDENCY: Final = {"VersionRequirement", "DependencyType"}
_POLICY: Final = {"policyDescription", "operations", "resources"}
_OPERATIONS: Final = {
    "aws.greengrass.ipc.mqttproxy": {"aws.greengrass#PublishToIoTCore", "aws.greengrass#SubscribeToIoTCore"},
    "aws.greengrass.ipc.pubsub": {"aws.greengrass#PublishToTopic", "aws.greengrass#SubscribeToTopic"},
    "aws.greengrass.SecretManager": {"aws.greengrass#GetSecretValue"},
}
_NOT_ON_LITE: Final = {"aws.greengrass.StreamManager", "aws.greengrass.SecretManager"}
_VARIABLES: Final = {"{artifacts:decompressedPath}", "{work:path}"}
_SEMVER: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_RANGE: Final = re.compile(r"(\^|~|[<>]=?|=)?\d+\.\d+\.\d+( (\^|~|[<>]=?|=)?\d+\.\d+\.\d+)*")
_NAME: Final = re.compile(r"[a-zA-Z0-9-_.]{1,128}")
_ARTIFACT_URI: Final = "s3://BUCKET_NAME/{name}/{version}/{file}"


def problems(recipe: dict[str, Any], files: set[str], *, lite: bool = True) -> list[str]:
    """Give what is wrong with a built recipe, a line each. `files`: the artifacts that were built beside it."""
    return [*_head(recipe), *_dependencies(recipe, lite=lite), *_access(recipe), *_manifests(recipe, files)]


def config_problems(config: dict[str, Any]) -> Iterator[str]:
    """Give what is wrong with a gdk-config.json, by the rules of its published schema."""
    yield from _unknown("gdk-config", config, {"component", "gdk_version"}, {"component", "gdk_version"})
    if not _SEMVER.fullmatch(config.get("gdk_version", "")):
        yield "gdk_version: no version"
    if len(config.get("component", {})) != 1:
        yield "component: exactly one is possible"
    for name, component in config.get("component", {}).items():
        if not _NAME.fullmatch(name):
            yield f"{name}: no name of a component"
        keys = {"author", "version", "build", "publish"}
        yield from _unknown(name, component, keys, keys)
        version = component.get("version", "")
        if version != "NEXT_PATCH" and not _SEMVER.fullmatch(version):
            yield f"{name}.version: neither a version nor NEXT_PATCH"
        build = component.get("build", {})
        yield from _unknown(
            f"{name}.build", build, {"build_system", "custom_build_command", "options"}, {"build_system"}
        )
        if build.get("build_system") not in {"zip", "maven", "gradle", "gradlew", "custom"}:
            yield f"{name}.build.build_system: unknown"
        if build.get("build_system") == "custom" and not build.get("custom_build_command"):
            yield f"{name}.build.custom_build_command: missing"
        publish = component.get("publish", {})
        yield from _unknown(f"{name}.publish", publish, {"bucket", "region", "options"}, {"bucket", "region"})


def _head(recipe: dict[str, Any]) -> Iterator[str]:
    required = {"RecipeFormatVersion", "ComponentName", "ComponentVersion", "Manifests"}
    yield from _unknown("recipe", recipe, _TOP, required)
    if recipe.get("RecipeFormatVersion") != "2020-01-25":
        yield "RecipeFormatVersion: there is 2020-01-25 only"
    if not _NAME.fullmatch(recipe.get("ComponentName", "")):
        yield "ComponentName: no name of a component"
    if not _SEMVER.fullmatch(recipe.get("ComponentVersion", "")) or len(recipe["ComponentVersion"]) > 64:
        yield "ComponentVersion: no version"
    for path, node in _objects(recipe, "recipe"):
        if len(node) > MOST_OBJECTS:
            yield f"{path}: {len(node)} objects, lite takes {MOST_OBJECTS}"
    if "COMPONENT_" in str(recipe):
        yield "recipe: a placeholder was not replaced"


def _dependencies(recipe: dict[str, Any], *, lite: bool) -> Iterator[str]:
    for name, dependency in recipe.get("ComponentDependencies", {}).items():
        yield from _unknown(name, dependency, _DEPENDENCY, _DEPENDENCY)
        if dependency.get("DependencyType") not in {"HARD", "SOFT"}:
            yield f"{name}.DependencyType: neither HARD nor SOFT"
        if not _RANGE.fullmatch(dependency.get("VersionRequirement", "")):
            yield f"{name}.VersionRequirement: no range"
        if lite and name in _NOT_ON_LITE:
            yield f"{name}: is not on lite"


def _access(recipe: dict[str, Any]) -> Iterator[str]:
    default = recipe.get("ComponentConfiguration", {}).get("DefaultConfiguration", {})
    for service, policies in default.get("accessControl", {}).items():
        if service not in _OPERATIONS:
            yield f"{service}: not used"
        for identity, policy in policies.items():
            yield from _unknown(identity, policy, _POLICY, _POLICY)
            if not identity.startswith(f"{recipe.get('ComponentName')}:"):
                yield f"{identity}: another component may have a policy of this name"
            if not set(policy.get("operations", ["?"])) <= _OPERATIONS.get(service, set()):
                yield f"{identity}.operations: not of {service}"
            if "*" in policy.get("resources", ["*"]) or "#" in policy.get("resources", []):
                yield f"{identity}.resources: allows everything"


def _manifests(recipe: dict[str, Any], files: set[str]) -> Iterator[str]:
    for manifest in recipe.get("Manifests", []):
        about = manifest.get("Name", "manifest")
        yield from _unknown(about, manifest, _MANIFEST, _MANIFEST)
        platform = manifest.get("Platform", {})
        yield from _unknown(f"{about}.Platform", platform, set(_PLATFORM), set(_PLATFORM))
        for key, known in _PLATFORM.items():
            if platform.get(key) not in known:
                yield f"{about}.Platform.{key}: not exactly one of {', '.join(sorted(known))}"
        for artifact in manifest.get("Artifacts", []):
            yield from _unknown(f"{about}.Artifacts", artifact, _ARTIFACT, {"Uri"})
            if artifact.get("Unarchive", "NONE") not in {"ZIP", "NONE"}:
                yield f"{about}.Artifacts.Unarchive: neither ZIP nor NONE"
            file = artifact.get("Uri", "").rpartition("/")[2]
            expected = _ARTIFACT_URI.format(
                name=recipe.get("ComponentName"), version=recipe.get("ComponentVersion"), file=file
            )
            if artifact.get("Uri") != expected or file not in files:
                yield f"{about}.Artifacts.Uri: {artifact.get('Uri')} was not built"
        yield from _lifecycle(about, manifest.get("Lifecycle", {}), platform.get("os"))


def _lifecycle(about: str, lifecycle: dict[str, Any], system: str | None) -> Iterator[str]:
    yield from _unknown(f"{about}.Lifecycle", lifecycle, _STEPS, _STEPS)
    for name, step in lifecycle.items():
        yield from _unknown(f"{about}.{name}", step, _STEP, {"Script"})
        script = step.get("Script", "")
        if not isinstance(step.get("Timeout", 0), int):
            yield f"{about}.{name}.Timeout: no whole number"
        for variable in re.findall(r"\{[^}]*\}", script):
            if variable not in _VARIABLES:
                yield f"{about}.{name}.Script: {variable} is not known to both nuclei"
        if re.search(r'(?<!")\{', script):
            yield f"{about}.{name}.Script: a path that is not quoted"
        if name == "run" and system == "linux" and " exec " not in f" {script}":
            yield f"{about}.run.Script: without exec signals end in the shell"


def _unknown(about: str, node: dict[str, Any], known: set[str], required: set[str]) -> Iterator[str]:
    yield from (f"{about}.{key}: unknown key; known: {', '.join(sorted(known))}" for key in node if key not in known)
    yield from (f"{about}.{key}: missing" for key in sorted(required) if key not in node)


def _objects(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any] | list[Any]]]:
    if isinstance(value, dict | list):
        yield path, value
        below = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in below:
            yield from _objects(each, f"{path}.{key}")
