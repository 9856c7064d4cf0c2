import pytest

from pibridge.config.text import read_json, read_yaml


@pytest.mark.parametrize(
    "written", ["on", "off", "yes", "12:30", "0815", "0x1F", "1e3", "1_000", "2024-01-31", ".inf", "true"]
)
def test_yaml_scalars_stay_the_text_that_was_written(written: str) -> None:
    """What YAML 1.1 would turn into booleans, octals, minutes or dates is kept."""
    assert read_yaml(f"key: {written}\n{written}: 1") == ({"key": written, written: "1"}, [])


@pytest.mark.parametrize("written", ["", "null", "~", "NULL"])
def test_yaml_null_is_told_from_text(written: str) -> None:
    """Null is null when plain, and a text when quoted."""
    assert read_yaml(f"key: {written}\nquoted: '{written}'") == ({"key": None, "quoted": written}, [])


def test_yaml_lists_and_anchors() -> None:
    """Lists, flow mappings and anchors give plain lists and mappings."""
    tree, problems = read_yaml("a: &it {b: [1, x]}\nc: *it")
    assert tree == {"a": {"b": ["1", "x"]}, "c": {"b": ["1", "x"]}}
    assert not problems


def test_yaml_duplicate_keys_are_all_reported() -> None:
    """A key written twice is a problem with its path and line, at every depth."""
    _, problems = read_yaml("site: a\nsinks:\n  lake: {x: 1}\n  lake: {x: 2, x: 3}\nsite: b")
    assert problems == [
        "sinks.lake (line 4): written twice; keep one of them",
        "site (line 5): written twice; keep one of them",
    ]


def test_yaml_syntax_errors_name_the_line() -> None:
    """A syntax error is one problem with line, column and what to do."""
    _, problems = read_yaml("site: a\npi: {url: x\nstreams: y")
    assert len(problems) == 1
    assert problems[0].startswith("line 3, column 8: not YAML: ")


@pytest.mark.parametrize("start", ["*", "&x *", "!", "%", "@", "`", "!!python/name:", "'", '"', "[", "{", "|", ">"])
def test_yaml_problems_never_show_a_value(start: str) -> None:
    """A password that trips the parser is not shown."""
    tree, problems = read_yaml(f"pi: \n  password: {start}hunter2\n  x: [")
    assert "hunter2" not in repr(problems)
    assert problems
    assert not tree


@pytest.mark.parametrize("text", ["key: !!int 12", "key: !vault x", "key: !!timestamp 2024-01-01"])
def test_yaml_tags_are_refused(text: str) -> None:
    """Tags have no meaning here, and the problem says where one is."""
    assert read_yaml(text)[1] == ["key (line 1): YAML tags (! …) are not used here; put the text in quotes"]


@pytest.mark.parametrize("text", ["key: &a [*a]", "[" * 5000 + "]" * 5000])
def test_yaml_without_an_end_is_a_problem(text: str) -> None:
    """What holds itself, or is nested without measure, is a problem and no crash."""
    assert read_yaml(text)[1] == ["configuration: nested too deep, or inside itself; write it flat"]


@pytest.mark.parametrize(
    ("text", "what"), [("", "is empty"), ("# nothing", "is empty"), ("- a", "is no set of keys"), ("x", "is no")]
)
def test_yaml_that_is_no_mapping(text: str, what: str) -> None:
    """An empty file, a list and a bare text are told apart from a configuration."""
    tree, problems = read_yaml(text)
    assert not tree
    assert len(problems) == 1
    assert what in problems[0]


def test_yaml_complex_keys_and_control_characters() -> None:
    """Keys that are no texts and characters that cannot be printed are problems."""
    assert read_yaml("? [a, b]\n: c\nd: e")[1] == ["configuration (line 1): a key must be a text"]
    assert read_yaml("a: \x00")[1] == [
        "configuration: not YAML: it holds characters that cannot be printed; save the file as UTF-8"
    ]


def test_json_is_read_like_yaml() -> None:
    """Numbers of JSON stay the text that was written; booleans and null stay."""
    text = '{"a": 1.50, "b": [true, null, 20], "c": "x"}'
    assert read_json(text) == ({"a": "1.50", "b": [True, None, "20"], "c": "x"}, [])


def test_json_problems() -> None:
    """Duplicates, syntax errors and depth are problems."""
    assert read_json('{"a": {"b": 1, "b": 2}}')[1] == ["b: written twice in one object; keep one of them"]
    assert read_json('{\n"a": }')[1] == ["line 2, column 6: not JSON: Expecting value; mend it there"]
    assert read_json("[" * 100_000)[1] == ["configuration: nested too deep, or inside itself; write it flat"]
