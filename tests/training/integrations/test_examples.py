"""Every example is run and finds what it changed; each framework in its own process.

TensorFlow and PyTorch with Transformers in one process can end it, so that no test imports them here.
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
NEEDED = {
    "plain_loop": (),
    "lightning_digits": ("lightning",),
    "transformers_text": ("transformers", "accelerate"),
    "keras_digits": ("keras", "tensorflow"),
    "text_bag_of_words": (),
    "tabular_mlp": (),
    "query_runs": (),
}
ELSEWHERE = {"tfrecords"}
"""A tool with arguments: what it writes is trained on in test_imagenet."""
INNER = {
    "lightning_callback": ("lightning",),
    "watched_trainer": ("transformers", "accelerate"),
    "keras_recorded": ("keras", "tensorflow"),
    "keras_inputs": ("keras", "tensorflow"),
    "ultralytics_trainer": ("ultralytics",),
}
"""Files of tests that import a framework, and which; their names keep pytest from collecting them here."""


def require(packages: tuple[str, ...]) -> None:
    """Skip where a framework is not installed; where CI runs, it has to be."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{', '.join(missing)} not installed: make test installs it")


def run(*command: str | Path, backend: str = "tensorflow") -> subprocess.CompletedProcess[str]:
    """A program of this environment, in a process of its own; `backend` is that of Keras."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend}
    line = [sys.executable, *command]
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("name", INNER)
def test_a_framework_alone(name: str) -> None:
    """The tests of one framework pass, none of them skipped."""
    require(INNER[name])
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / f"{name}.py")
    assert done.returncode == 0 and "skipped" not in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_on_another_backend(backend: str) -> None:
    """The tests of Keras pass on each backend that it has."""
    require(("keras", "tensorflow", backend))
    files = [HERE / f"{name}.py" for name in ("keras_recorded", "keras_inputs")]
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *files, backend=backend)
    assert done.returncode == 0 and "skipped" not in done.stdout, done.stdout + done.stderr


def test_no_example_is_left_out() -> None:
    """A new file in examples/ is run here."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == NEEDED.keys() | ELSEWHERE


def require_found(said: str) -> None:
    """At least five of six of those that an example lists first are labels that it changed."""
    found, listed = map(int, re.findall(r"(\d+) of the (\d+) first", said)[0])
    assert found >= listed * 5 / 6, said


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NEEDED if NEEDED[name]])
def test_an_example_of_a_framework_finds_what_it_changed(name: str) -> None:
    """Run as a person would."""
    require(NEEDED[name])
    done = run(EXAMPLES / f"{name}.py")
    assert done.returncode == 0, done.stderr
    require_found(done.stdout)


@pytest.mark.parametrize("name", [name for name in NEEDED if not NEEDED[name]])
def test_an_example_finds_what_it_changed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run in this process, which has imported all that they need."""
    with torch.random.fork_rng():
        runpy.run_path(str(EXAMPLES / f"{name}.py"))
    require_found(capsys.readouterr().out)
