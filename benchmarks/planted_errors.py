"""How well each integration's list finds planted errors: AUROC over all examples, on images and on texts.

    python -m benchmarks.planted_errors

5 % of the labels of digits and of docstrings are changed to another class, drawn at random. Each framework
trains a small network of its own kind, in a process of its own, and ranks by `seen/csl`; the draw and the
training are repeated with three seeds. The table of docs/own_loop.md is made from it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.own_lists import LISTS
from benchmarks.planted import SETS, SHARE
from benchmarks.rows import Row, at_least, markdown, publish
from memest.detect import detect
from memest.grammar.once import OnceParser

BAR, SEEDS = 0.95, 3
PAGE = Path(__file__).parent.parent / "docs" / "own_loop.md"
BEGIN, END = "<!-- planted errors: python -m benchmarks.planted_errors -->", "<!-- end -->"


def main() -> None:
    """Measure, print the table, write the JSON and the page."""
    parser = OnceParser(__doc__)
    parser.add_argument("--loop", choices=LISTS, help="this one alone, in this process, as JSON")
    options = parser.parse_args()
    if options.loop:
        print(json.dumps(aurocs(options.loop)))
        return
    found = {loop: in_own_process(loop) for loop in LISTS}
    rows = [_row(loop, name, values) for loop, sets in found.items() for name, values in sets.items()]
    publish(
        "planted_errors", torch.device("cpu"), rows, settings={"share": SHARE, "seeds": SEEDS}, found=found
    )
    PAGE.write_text(page(PAGE.read_text(), found))


def aurocs(loop: str) -> dict[str, list[float]]:
    """The AUROC of an integration's list, by set, for each seed."""
    found: dict[str, list[float]] = {}
    for name, make in SETS.items():
        for seed in range(SEEDS):
            planted = make(seed)
            table = LISTS[loop](planted, seed).suspicious(len(planted.labels))
            suspicion = np.empty(len(planted.labels))
            suspicion[table["id"]] = table["seen/csl"]
            found.setdefault(name, []).append(detect(suspicion, planted.changed).auroc.value)
    return found


def in_own_process(loop: str) -> dict[str, list[float]]:
    """The same from a fresh process: TensorFlow and Transformers in one can end it."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | {"KERAS_BACKEND": "tensorflow"}
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(PAGE.parent.parent), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.planted_errors", "--loop", loop],
            cwd=folder,
            env=environment | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def page(text: str, found: dict[str, dict[str, list[float]]]) -> str:
    """The page with the table of these figures in its place."""
    before, _, rest = text.partition(BEGIN)
    names = list(SETS)
    rows = (
        [loop, *(f"{np.mean(sets[name]):.3f} ({min(sets[name]):.3f})" for name in names)]
        for loop, sets in found.items()
    )
    return "\n".join([before + BEGIN, "", markdown(["loop", *names], rows), "", END]) + rest.partition(END)[2]


def _row(loop: str, name: str, values: list[float]) -> Row:
    what = f"{loop}, {name}: AUROC, mean of {SEEDS} seeds"
    row = Row(what, float(np.mean(values)), "", (min(values), max(values)), spread="range")
    return at_least(BAR, row)


if __name__ == "__main__":
    main()
