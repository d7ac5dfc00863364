"""What imports what: proved in fresh interpreters that refuse packages, and on the source itself."""

from __future__ import annotations

import ast
import graphlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
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
    "memest.scores memest.train memest.models memest.data memest.summaries memest.detect "
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


ANYWHERE = {"tensorflow", "torchvision", "ray", "optuna", "mlflow", "boto3", "minio"}
OUTSIDE_ANALYSIS = ANYWHERE | {"pandas", "sklearn", "matplotlib"}


def imported_at_once(body: list[ast.stmt]) -> Iterator[str]:
    """The packages that importing a module imports: not those inside functions or for types only."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module.partition(".")[0]
        elif isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            yield from imported_at_once(statement.orelse)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody", "handlers"):
                for inner in getattr(statement, part, []):
                    yield from imported_at_once(
                        getattr(inner, "body", [inner]) if part == "handlers" else [inner]
                    )


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    """No module imports a heavy package before a function needs it; pandas and the like only `analysis`."""
    forbidden = ANYWHERE if path.is_relative_to(SOURCE / "analysis") else OUTSIDE_ANALYSIS
    assert not forbidden & set(imported_at_once(ast.parse(path.read_text()).body))


def test_imports_at_once_are_told_from_later_ones() -> None:
    """The reading of the source counts what runs at import, however deep, and nothing else."""
    text = """
import a.b, c
from d.e import f
from . import g
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import no
else:
    import h
try:
    import i
except ImportError:
    import j
class K:
    import k
    def method(self):
        import no
def function():
    import no
"""
    assert set(imported_at_once(ast.parse(text).body)) == {"a", "c", "d", "typing", "h", "i", "j", "k"}


def test_no_module_imports_itself_in_a_circle() -> None:
    """However long the way round, imports inside functions and for types among them."""
    graph = grimp.build_graph("memest", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 200
    graphlib.TopologicalSorter(imports).prepare()  # raises a CycleError that names the circle
