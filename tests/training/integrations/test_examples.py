"""Every example is run and finds what it changed; each framework in its own process, with its example.

TensorFlow and PyTorch with Transformers in one process can end it, so that no test imports them here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from examples_run import ENOUGH, EXAMPLES, changed_share

HERE = Path(__file__).parent
HERE_RUN = ("plain_loop", "text_bag_of_words", "tabular_mlp", "query_runs")
ELSEWHERE = {"tfrecords"}
"""A tool with arguments: what it writes is trained on in test_imagenet."""
INNER = {
    "lightning_callback": ("lightning",),
    "watched_trainer": ("transformers", "accelerate"),
    "ultralytics_trainer": ("ultralytics",),
}
"""Files of tests that import a framework, and which; their names keep pytest from collecting them here."""
KERAS = ("keras_recorded", "keras_inputs")
"""Files of tests of Keras, each run on every backend that it has."""
WITH = {
    "lightning_callback": "lightning_digits",
    "watched_trainer": "transformers_text",
    "keras_recorded": "keras_digits",
}
"""The example that the last test of such a file runs."""


def require(packages: tuple[str, ...]) -> None:
    """Skip where a framework is not installed; where CI runs, it has to be."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{', '.join(missing)} not installed: make test installs it")


def run(*command: str | Path, backend: str = "tensorflow") -> subprocess.CompletedProcess[str]:
    """A program of this environment, in a process of its own; `backend` is that of Keras."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend} | compiled_once()
    line = [sys.executable, *command]
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=300)


def compiled_once() -> dict[str, str]:
    """Variables that let JAX compile steps quickly, and equal ones of a process once."""
    return {
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_COMPILATION_CACHE_DIR": str(Path("compiled").absolute()),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def assert_pass(*names: str, backend: str = "tensorflow") -> None:
    """The tests of these files do, all in one process, and none is skipped."""
    files = [HERE / f"{name}.py" for name in names]
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *files, backend=backend)
    assert done.returncode == 0 and "skipped" not in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", INNER)
def test_a_framework_alone(name: str) -> None:
    """The tests of one framework pass, that of its example among them, none of them skipped."""
    require(INNER[name])
    assert_pass(name)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_keras_on_each_backend(backend: str) -> None:
    """The tests of Keras pass on each backend that it has."""
    require(("keras", "tensorflow", backend))
    assert_pass(*KERAS, backend=backend)


def test_no_example_is_left_out() -> None:
    """A new file in examples/ is run: here, or by the tests of its framework, which say so."""
    for name, example in WITH.items():
        assert f'changed_share("{example}", capsys)' in (HERE / f"{name}.py").read_text()
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*HERE_RUN, *WITH.values(), *ELSEWHERE}


@pytest.mark.parametrize("name", HERE_RUN)
def test_an_example_finds_what_it_changed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run in this process, which has imported all that they need."""
    with torch.random.fork_rng():
        assert changed_share(name, capsys) >= ENOUGH
