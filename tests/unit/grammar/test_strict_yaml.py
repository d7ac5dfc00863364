"""YAML files: what is read as it looks, and what is refused with its line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from memest.cli import main
from memest.errors import SettingError
from memest.grammar.strict_yaml import parse_yaml, read_yaml
from memest.sweep.preset import FOLDER

SAME = {
    "yes": "yes",
    "off": "off",
    "No": "No",
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "none": "none",
    "10": 10,
    "-3": -3,
    "0": 0,
    "1e-2": 0.01,
    "1.5E3": 1500.0,
    ".5": 0.5,
    "1_000": "1_000",
    "0x10": "0x10",
    "0o10": "0o10",
    "2024-01-01": "2024-01-01",
    "=": "=",
    "'010'": "010",
    '"1:30"': "1:30",
    "10.0.0.1:80": "10.0.0.1:80",
    "tiny": "tiny",
}


@pytest.mark.parametrize(("text", "value"), SAME.items())
def test_scalars_are_read_as_they_look(text: str, value: Any) -> None:
    """Numbers, words and null as YAML 1.2 has them; the type counts, too."""
    found = parse_yaml(f"x: {text}", "it")["x"]
    assert (found, type(found)) == (value, type(value))
    assert parse_yaml("[.inf, -.inf]", "it") == [math.inf, -math.inf]


REFUSED = {
    "seed: [010]": "line 1 .*010 is not the same number",
    "seed: -007": "line 1",
    "\nepochs: 1:30": "line 2 .*1:30 .* with quotes for text",
    "at: 12:30:45": "line 1",
    "lr: 00.5": "line 1",
    "a: 1\nb: 2\na: 3": "line 3 .*key 'a' is given again .*first in line 1",
    "base: {seed: 1,\n  'seed': 2}": "line 2 .*'seed'",
    "runs:\n- seed: 1\n  seed: 2": "line 3",
    "a: [": "line 1",
    "a: !!python/object:os.system x": "line 1",
    "a: *b": "line 1 .*undefined alias",
    "a: 1\n---\nb: 2": "line 2 .*another document|is not YAML",
    "a: \x00": "is not YAML",
    "[" * 5000: "is not YAML",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=lambda text: text[:20])
def test_what_is_not_strict_is_refused(text: str, message: str) -> None:
    """A key twice, numbers of two meanings, and what is no YAML; the line is named."""
    with pytest.raises(SettingError, match=message.replace(" .*", r"\b.*")) as caught:
        parse_yaml(text, "grid file g.yaml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("grid file g.yaml")


def test_a_merge_key_may_be_overridden() -> None:
    """`<<` brings settings of another mapping; what stands beside it counts, also when merged on."""
    text = "{a: &a {x: 1, y: 1}, b: &b {<<: *a, x: 2}, c: {<<: *b, x: 3}, d: {<<: *b}}"
    found = parse_yaml(text, "it")
    assert (found["b"], found["c"], found["d"]) == ({"x": 2, "y": 1}, {"x": 3, "y": 1}, {"x": 2, "y": 1})


@pytest.mark.parametrize("content", [b"caf\xe9: 1", b"a: 1\nb: \xff\xfe"])
def test_bytes_that_are_not_utf_8_are_refused(content: bytes) -> None:
    """With the line, whatever the locale's own encoding."""
    Path("grid.yaml").write_bytes(content)
    with pytest.raises(SettingError, match=rf"line {content.count(10) + 1}: not UTF-8"):
        read_yaml(Path("grid.yaml"), "grid file")


@pytest.mark.parametrize("words", [["sweep"], ["experiment"], ["tune", "--space"]])
@pytest.mark.parametrize(
    "content", [b"base: 1\nbase: 2", b"lr: [010, 1:30]", b"- 1", b"\xff", b"a: [", None], ids=str
)
def test_every_file_that_a_command_takes_is_strict(
    words: list[str], content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Grid, experiment and space files: exit code 2, one line with the file's name, nothing written."""
    if content is not None:
        Path("odd.yaml").write_bytes(content)
    assert main([*words, "odd.yaml"]) == 2
    error = capsys.readouterr().err
    assert "odd.yaml" in error
    assert error.count("\n") == 1
    assert {path.name for path in Path.cwd().iterdir()} <= {"odd.yaml"}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_packaged_experiments_are_strict(file: Path) -> None:
    """Each file that comes with memest."""
    assert "scales" in read_yaml(file, "experiment")
