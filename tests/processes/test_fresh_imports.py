"""What can be imported where packages are missing: proved in fresh interpreters that refuse them."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import memest

SOURCE = Path(memest.__file__).parent
ROOT = SOURCE.parent

REFUSE = """
import importlib, sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def __init__(self, packages):
        self.packages = set(packages)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"{name} is refused here", name=name)

refused, wanted = (argument.split() for argument in sys.argv[1:])
sys.meta_path.insert(0, Refuse(refused))
for name in wanted:
    importlib.import_module(name)
came = {name.partition(".")[0] for name in sys.modules} & set(refused)
assert not came, came
"""

PLATFORM = (
    "mlflow pandas sklearn scipy matplotlib torchvision tensorflow ray optuna boto3 minio pyarrow "
    "safetensors tqdm filelock PIL yaml lightning transformers keras"
)
NUMERIC_CORE = (
    "memest.scores memest.training memest.models memest.data memest.summaries memest.detect "
    "memest.metrics memest.grammar.config memest.seeding"
)
READING = (
    "memest.summaries memest.detect memest.data memest.references memest.store memest.store.artifacts "
    "memest.tracking memest.metrics"
)
MODULES = [module.name for module in pkgutil.walk_packages(memest.__path__, "memest.", onerror=str)]
EVERYTHING = " ".join(name for name in MODULES if not name.startswith("memest.integrations."))


@pytest.mark.parametrize(
    ("refused", "wanted"),
    [
        pytest.param(PLATFORM, NUMERIC_CORE, id="the numeric core needs torch and numpy"),
        pytest.param(f"torch {PLATFORM}", READING, id="reading results needs numpy"),
        pytest.param("tensorflow torchvision ray optuna", EVERYTHING, id="everything without the optional"),
    ],
)
def test_imports_while_packages_are_refused(refused: str, wanted: str) -> None:
    """A machine that lacks these packages can import these modules."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REFUSE, refused, wanted],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == 0, run.stderr


TYPOS = """
import contextlib, io
from memest import cli
said = io.StringIO()
with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
    for name in cli.COMMANDS:
        assert cli.main([*name.split(), "--help"]) == 0
        assert cli.main([*name.split(), "--no-such-flag", "1"]) == 2
        assert cli.main([*name.split(), "two", "words"]) == 2
    for words in ("trian", "train --epochs 0", "train --data digit", "train --lr x --model tiny"):
        assert cli.main(words.split()) == 2
"""


def test_a_typo_is_answered_without_torch() -> None:
    """A help, an unknown flag or command and a wrong number cost no import of torch."""
    command = [sys.executable, "-c", REFUSE + TYPOS, "torch mlflow pandas sklearn matplotlib", "memest.cli"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr


def test_a_refused_package_would_be_noticed() -> None:
    """The refusal itself works: torch cannot be imported where it is refused."""
    command = [sys.executable, "-c", REFUSE, "torch", "memest.scores"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "torch is refused here" in run.stderr


def test_importing_memest_imports_nothing_heavy() -> None:
    """Neither torch nor numpy nor mlflow come with `import memest`."""
    code = "import memest, sys; print({'torch', 'numpy', 'mlflow', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_ledger_knows_what_it_collects() -> None:
    """In a process that has imported nothing else, its analyses are registered."""
    code = "from analysis.ledger import ANALYSES, COLLECTED; print({*COLLECTED} - {*ANALYSES})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


def test_threads_that_wait_sleep_in_programs_too() -> None:
    """A program that names a function of memest before it imports torch has the command line's threads."""
    code = (
        "from memest import train; import os, sys; "
        "print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    )
    assert done.stdout.split() == ["PASSIVE", "False"]
