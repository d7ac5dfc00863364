"""The commands of README and docs, as they stand there: every flag, value and name is understood."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from distributions import install

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
BUILT = """
import json, sys
from memest.cli.words import asked, given
from memest.errors import MemestError
from memest.grammar.config import build
said = []
for words in json.load(sys.stdin):
    try:
        wanted = asked(words)
        build(wanted.command.kind, given(wanted))
    except MemestError as error:
        said.append(f"{words}: {error}")
json.dump(said, sys.stdout)
"""
"""In a process that has imported nothing yet: what was registered by another test does not count."""


def typed() -> list[list[str]]:
    """Every command line of the code blocks for a shell, in words."""
    lines = []
    for page in PAGES:
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL):
            lines += block.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith(("memest ", "mlflow "))]


def test_every_documented_command_is_understood() -> None:
    """`memest …`, by a new process: command, flags, values and the names in specs."""
    commands = [words[1:] for words in typed() if words[:1] == ["memest"]]
    assert len(commands) > 30
    for place in ("photos/cat/1.png", "photos/dog/1.png", "shards/train-0.tar"):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).touch()
    done = subprocess.run(
        [sys.executable, "-c", BUILT],
        input=json.dumps(commands),
        env=os.environ | {"PYTHONPATH": os.pathsep.join([own_score(Path("site")), str(PROJECT)])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []


def own_score(site: Path) -> str:
    """A folder in which the package of docs/own_score.md is installed, as the page has it."""
    page = (PROJECT / "docs" / "own_score.md").read_text()
    (project,), (code,) = (
        re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("toml", "python")
    )
    brought = tomllib.loads(project)["project"]["entry-points"]
    points = {
        group: "\n".join(f"{name} = {module}" for name, module in entries.items())
        for group, entries in brought.items()
    }
    install(site, "surprise", points, surprise=code)
    return str(site.absolute())


@pytest.mark.parametrize(
    "words", [words for words in typed() if words[:2] == ["mlflow", "run"]], ids=shlex.join
)
def test_every_documented_project_run_is_understood(words: list[str]) -> None:
    """`mlflow run . …`: an entry point and parameters of the project, by an environment that it names."""
    points = yaml.safe_load((PROJECT / "MLproject").read_text())["entry_points"]
    point = words[words.index("-e") + 1] if "-e" in words else "main"
    given = {words[place + 1].partition("=")[0] for place, word in enumerate(words) if word == "-P"}
    assert given <= set(points[point].get("parameters", {}))
    assert {"--env-manager", "--backend"} & set(words)


def test_every_documented_analysis_is_known() -> None:
    """The table of analyses: each is understood by `memest analyze` in a new process."""
    page = (PROJECT / "docs" / "experiments.md").read_text()
    table = page.partition("## Analyses")[2].partition("##")[0]
    names = re.findall(r"^\| `([a-z_]+)[(`]", table, re.MULTILINE)
    assert {"detection", "mislabeled", "theory", "leak_audit"} <= set(names)
    reference = "(reference='c_scores(path=a.npz)')"
    needs = {"similarity", "detection_by_difficulty"}
    commands = [["analyze", "--analysis", name + reference * (name in needs)] for name in names]
    done = subprocess.run(
        [sys.executable, "-c", BUILT], input=json.dumps(commands), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
