"""What imports what: proved in fresh interpreters that refuse packages, and on the source itself."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import memest

SOURCE = Path(memest.__file__).parent


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
