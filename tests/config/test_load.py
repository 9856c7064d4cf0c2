from pathlib import Path

import pytest

from config.trees import problems_of, small
from pibridge.config.load import configuration, load
from pibridge.config.settings import Configuration
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.model.tag import Mode
from pibridge.pi.settings import PiSettings
from pibridge.sinks.settings import FileSettings

EXAMPLES = Path(__file__).parents[2] / "examples"
BASIC = {"method": "basic", "username": "u", "password": "${env:PW}"}


def password(pi: PiSettings) -> str:
    """Give the password as it is now."""
    assert pi.auth.method == "basic"
    return pi.auth.password.reveal()


@pytest.mark.parametrize(
    "name", ["minimal.yaml", "brewery.yaml", "s3.yaml", "iot-core.yaml", "greengrass.json", "full.yaml"]
)
def test_examples_load(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They load without a problem."""
    secret = tmp_path / "pi"
    secret.write_text("geheim\n")
    monkeypatch.setenv("PI_PASSWORD", "geheim")
    text = (EXAMPLES / name).read_text(encoding="utf-8").replace("/run/secrets/pi", str(secret))
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert isinstance(load(str(file)), Configuration)


def test_json_and_yaml_give_the_same(tmp_path: Path) -> None:
    """A file named .json is read as JSON and says the same as YAML."""
    yaml = tmp_path / "c.yaml"
    json = tmp_path / "c.json"
    yaml.write_text(
        "site: h\npi: {url: 'https://x/y'}\nstreams: {a: {select: {points: ['\\\\S\\A']}, backfill: 60}}\n"
        "sinks: {f: {type: file}}\n"
    )
    json.write_text(
        '\ufeff{"site":"h","pi":{"url":"https://x/y"},"streams":{"a":{"select":{"points":["\\\\\\\\S\\\\A"]},"backfill":60}},'
        '"sinks":{"f":{"type":"file"}}}'
    )
    assert load(str(yaml)) == load(str(json))
    assert load(str(json)).streams["a"].backfill == 60


def test_texts_stand_for_numbers_and_booleans() -> None:
    """A transport that turns numbers and booleans into texts does no harm."""
    tree = small(
        version="1", pi__limits={"concurrent_requests": "7", "requests_per_second": "2.5"}, pi__allow_insecure="true"
    )
    loaded = configuration(tree, {})
    assert loaded.version == 1
    assert loaded.pi.limits.concurrent_requests == 7
    assert loaded.pi.limits.requests_per_second == 2.5
    assert loaded.pi.allow_insecure is True


def test_defaults_of_a_small_configuration() -> None:
    """What is not written has the documented default."""
    loaded = configuration(small(), {})
    sink = loaded.sinks["local"]
    assert isinstance(sink, FileSettings)
    assert (sink.path, sink.format, sink.roll.size, sink.roll.age) == (Path("out"), "jsonl", 64 << 20, 60)
    assert (loaded.streams["live"].mode, loaded.streams["live"].via) == (Mode.REALTIME, "channel")
    assert loaded.refresh == 600
    assert loaded.status is not None
    assert (loaded.status.host, loaded.status.port) == ("127.0.0.1", 8321)
    assert (loaded.log.level, loaded.log.format) == ("info", "json")


def test_null_turns_the_status_page_off() -> None:
    """`status: null` means no page."""
    assert configuration(small(status=None), {}).status is None


def test_every_problem_is_reported_in_the_order_of_the_file() -> None:
    """Wrong values, unknown keys, missing variables, and unknown streams come together."""
    tree = small(
        refresh="soon",
        sinks={
            "lake": {"type": "s3", "buckett": "x", "filter": {"streams": ["live", "nope"]}, "region": "${env:REGION}"},
            "cloud": {"type": "kinesis", "stream": "k"},
            "other": {"type": "sss"},
        },
        journal={"max_size": "1MiB"},
        pi__auth={"method": "bearer"},
    )
    assert problems_of(tree) == [
        "pi.auth: has neither token nor client_id and client_secret; add what says who you are",
        "sinks.lake.buckett: unknown key; did you mean bucket?",
        "sinks.lake.filter.streams.1: no stream is named nope; there are live",
        "sinks.lake.region: the environment variable REGION is not set; set it for the daemon",
        "sinks.lake.bucket: missing; add it: Name of the bucket",
        "sinks.other.type: unknown type; write one of file, greengrass_local, iot_core, kinesis, mqtt, s3, sitewise",
        "refresh: write a number with a unit, one of ms, s, m, h, d: 250ms, 10s, 5m, 12h, 7d",
        "journal.max_size: write at least 16MiB",
    ]


def test_problems_of_the_text_come_with_those_of_the_settings(tmp_path: Path) -> None:
    """A key written twice does not hide what else is wrong."""
    file = tmp_path / "c.yaml"
    file.write_text("site: a\nsite: b\nlog: {level: loud}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(str(file))
    assert caught.value.problems[0] == "site (line 2): written twice; keep one of them"
    assert "log.level: not one of the choices; write debug, info, warning or error" in caught.value.problems
    assert "pi: missing; add it: The PI Web API that is read" in caught.value.problems


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, and bytes that are no text are problems that name the source."""
    with pytest.raises(ConfigurationError, match="No such file or directory; name a readable file"):
        load(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigurationError, match="Is a directory"):
        load(str(tmp_path))
    (tmp_path / "latin1.yaml").write_bytes("site: Köln".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="no UTF-8 text"):
        load(str(tmp_path / "latin1.yaml"))


def test_a_secret_is_read_anew(tmp_path: Path) -> None:
    """A rotated password is found without loading again, and one that is gone is an UnavailableError."""
    file = tmp_path / "pw"
    file.write_text("one\r\n")
    environment = {"PW": "first"}
    by_environment = configuration(small(pi__auth=BASIC), environment).pi
    by_file = configuration(small(pi__auth={**BASIC, "password": f"a${{file:{file}}}b"}), {}).pi
    assert (password(by_environment), password(by_file)) == ("first", "aoneb")
    environment["PW"] = "second"
    file.write_text("two\n")
    assert (password(by_environment), password(by_file)) == ("second", "atwob")
    file.unlink()
    with pytest.raises(UnavailableError, match=r"pw cannot be read: No such file or directory"):
        password(by_file)


def test_other_texts_are_replaced_at_load(tmp_path: Path) -> None:
    """References stand inside any text, several of them too."""
    file = tmp_path / "host"
    file.write_text("pi.example.com\n")
    tree = small(
        pi__url=f"https://${{file:{file}}}:${{env:PORT}}/piwebapi", pi__limits={"concurrent_requests": "${env:N}"}
    )
    loaded = configuration(tree, {"PORT": "4434", "N": "9"})
    assert loaded.pi.url == "https://pi.example.com:4434/piwebapi"
    assert loaded.pi.limits.concurrent_requests == 9


def test_secrets_never_reach_problems_or_representations() -> None:
    """What a reference stood for is shown as the reference, wherever it was put."""
    environment = {"PW": "hunter2"}
    tree = small(
        site="${env:PW}/",
        streams={"live": {"select": {"points": ["${env:PW}"]}}},
        pi__auth=BASIC,
        filter={"streams": ["${env:PW}"], "quality": ["${env:PW}"], "deadband": "${env:PW}"},
        sinks={"a": {"type": "${env:PW}"}, "b": {"type": "s3", "bucket": "abc", "prefix": "{${env:PW}}"}},
    )
    problems = problems_of(tree, environment)
    assert len(problems) >= 6
    assert "hunter2" not in "\n".join(problems)
    loaded = configuration(small(pi__auth=BASIC), environment)
    assert "hunter2" not in repr(loaded)
    assert "hunter2" not in str(loaded.model_dump())


def test_a_password_of_digits_keeps_its_zeros(tmp_path: Path) -> None:
    """A secret that looks like a number is the text that was written."""
    file = tmp_path / "c.yaml"
    file.write_text(
        "site: h\npi: {url: 'https://x/y', auth: {method: basic, username: 0123, password: 0815}}\n"
        "streams: {a: {select: {points: ['\\\\S\\A']}}}\nsinks: {f: {type: file}}\n"
    )
    pi = load(str(file)).pi
    assert pi.auth.method == "basic"
    assert (pi.auth.username, password(pi)) == ("0123", "0815")
