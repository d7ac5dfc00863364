"""The Python of README and docs, as it stands there: run block by block on a small store, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from audited import audited
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from memest.analysis import ANALYSES
from memest.analysis.queries import find_runs
from memest.grammar.config import build
from memest.grammar.strict_yaml import read_yaml
from memest.recorder import Indexed
from memest.runs.config import TrainConfig
from memest.scores import KINDS, SCORES
from memest.stages.train import train
from memest.summaries import SUMMARIES
from memest.sweep.grid import sweep_of

pytestmark = pytest.mark.mlflow
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = ("memest.integrations.", "import fiftyone")
"""Blocks of other frameworks need these; `examples/` holds them whole, and tests run those."""
SERVED = {"services"}
"""Pages whose blocks speak to servers; they are compiled only."""
SHOWN = {"CONTRIBUTING"}
"""Pages whose blocks all stand in memest's own source."""


def blocks(page: Path, language: str = "python") -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def what_a_reader_has() -> dict[str, Any]:
    """A dataset, a network and what trains it, under the names that pages use."""
    torch.manual_seed(0)
    images, labels = torch.randn(40, 8), torch.arange(40) % 2
    dataset = TensorDataset(images, labels)
    network = nn.Linear(8, 2)
    return {
        "__name__": "reader",
        "dataset": dataset,
        "loader": DataLoader(Indexed(dataset), batch_size=10, shuffle=True),
        "network": network,
        "optimizer": torch.optim.SGD(network.parameters(), 0.1),
        "cross_entropy": nn.functional.cross_entropy,
        "epochs": 2,
    }


@pytest.fixture(scope="module")
def store(store_uri: str) -> str:
    """Two seeds of a tiny network in the experiments that the pages name."""
    settings = {"limit": 60, "epochs": 2, "corruption": "symmetric_noise(rate=0.1)", "tracking": store_uri}
    for seed in (1, 2):
        train(build(TrainConfig, settings | {"seed": seed, "experiment": "demo"}))
    train(build(TrainConfig, settings | {"seed": 1, "experiment": "first"}))
    return store_uri


@pytest.fixture
def tracked(store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The store, found as users find theirs; MLflow's own address is as it was afterwards."""
    from mlflow.tracking._tracking_service import utils

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setattr(utils, "_tracking_uri", store)  # `set_tracking_uri` would outlive the test
    yield store


@pytest.fixture
def registries_as_they_were() -> Iterator[None]:
    """What a block registers is gone after the test."""
    entries = [SCORES._entries, SUMMARIES._entries, SUMMARIES._declared, KINDS]
    before = [dict(one) for one in entries]
    yield
    for one, kept in zip(entries, before, strict=True):
        one.clear()
        one.update(kept)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page: Path, tracked: str, registries_as_they_were: None) -> None:
    """Each block where those before it have left off; one that shows memest's own source stands in it."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "memest").rglob("*.py"))
    names = what_a_reader_has()
    if page.stem == "exports":
        names["findings"], names["images"] = audited()
    ran = 0
    for number, block in enumerate(blocks(page)):
        compiled = compile(block, f"{page.name}, block {number}", "exec")
        elsewhere = page.stem in SERVED or any(other in block for other in OTHERS)
        if not elsewhere and block not in source:
            exec(compiled, names)
            ran += 1
    assert ran or page.stem in SERVED | SHOWN


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=lambda page: page.stem)
def test_the_grids_of_a_page_are_grids(page: Path) -> None:
    """Each YAML block with axes or runs is read as `memest sweep` reads it, and is of more than one run."""
    for block in blocks(page, "yaml"):
        Path("grid.yaml").write_text(block, encoding="utf-8")
        grid = read_yaml(Path("grid.yaml"), "grid")
        if {"axes", "runs"} & set(grid):
            assert sum(len(one.configs) for one in sweep_of(grid, TrainConfig, "grid", "memest").grids) > 1


def test_an_own_score_shows_up_in_a_report(tracked: str, registries_as_they_were: None) -> None:
    """The score and the summary of the page, named as it says: measured, judged, in the report's table."""
    (code,) = blocks(ROOT / "docs" / "own_score.md")
    exec(compile(code, "surprise.py", "exec"), {"__name__": "surprise"})
    settings = {"limit": 60, "epochs": 2, "corruption": "symmetric_noise(rate=0.1)", "experiment": "own"}
    train(build(TrainConfig, settings | {"scores": "logits, doubt"}))
    found = ANALYSES.call("detection", find_runs("own"))
    assert {"total_doubt", "seen/total_doubt"} <= set(found.tables["detection"].summary)
    assert "total_doubt" in found.text() or "more in report.html" in found.text()
