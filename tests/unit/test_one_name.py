"""One name, one meaning: public classes and functions of different modules do not share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import memest

ROOT = Path(memest.__file__).parent
ALLOWED = {
    "Recorded": "the model of each framework, wrapped",
    "deliver": "a command, and what it calls",
    "audit": "a command, and the function that does the same for programs",
    "score": "a command, and the function that does the same for programs",
    "train": "a command, and the function that does the same for programs",
    "down": "a command, and what it calls",
    "status": "a command, and what it calls",
    "up": "a command, and what it calls",
    "main": "of a program",
    "none": "registered names: the choice of nothing",
    "direction": "of a detector, which asks the summary of that name",
    "suspicion": "of a detector, which asks the summary of that name",
    "duplicates": "an analysis, and the published numbers beside it",
    "mislabeled": "an analysis, and the published numbers beside it",
    "pack": "always with its module: checkpoint.pack, block.pack, resume.pack",
    "unpack": "always with its module: checkpoint.unpack, block.unpack",
    "records": "one is of a script that runs without memest",
}
"""Why a name may stand in several modules."""


@cache
def public_names() -> dict[str, list[str]]:
    """The modules that define each public class and function."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(ROOT).as_posix())
    return found


def test_no_two_things_share_a_name() -> None:
    """Where this fails: give the newer of the two a name that says what sets it apart."""
    shared = {name: places for name, places in public_names().items() if len(places) > 1}
    assert {name: places for name, places in shared.items() if name not in ALLOWED} == {}


def test_no_exception_outlives_its_reason() -> None:
    """A name that no longer stands in several modules needs no reason."""
    assert {name for name, places in public_names().items() if len(places) > 1} == set(ALLOWED)
