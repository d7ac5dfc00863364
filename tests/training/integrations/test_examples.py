"""Every example is run as a person would, and finds the labels that it changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
NEEDED = {
    "plain_loop": (),
    "lightning_digits": ("lightning",),
    "transformers_text": ("transformers", "accelerate"),
    "keras_digits": ("keras", "tensorflow"),
}


def test_no_example_is_left_out() -> None:
    """A new file in examples/ is run here."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == NEEDED.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDED)
def test_an_example_finds_what_it_changed(name: str) -> None:
    """At least five of six of those that it lists first are labels that it changed."""
    missing = [package for package in NEEDED[name] if find_spec(package) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{', '.join(missing)} not installed: make test installs it")
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found, listed = map(int, re.findall(r"(\d+) of the (\d+) first", done.stdout)[0])
    assert found >= listed * 5 / 6, done.stdout
