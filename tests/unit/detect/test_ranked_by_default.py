"""What ranks where nobody says by what: the online sum, as the pages on scores advise."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from memest.analysis import consensus
from memest.detect import RANKED
from memest.recorder import Recorder
from memest.runs.report import leading

DOCS = Path(__file__).parents[3] / "docs"
BOTH = {"csl": np.zeros(2), "seen/csl": np.zeros(2), "aum": np.zeros(2)}


def test_the_pages_say_what_the_code_does() -> None:
    """Both pages name the first of the two."""
    assert RANKED[0] == "seen/csl"
    assert "**Rank by `seen/csl`**" in (DOCS / "robust_sums.md").read_text()
    assert "**`seen/csl` where nothing may be spent" in (DOCS / "which_score.md").read_text()


@pytest.mark.parametrize("without", [(), ("csl",), ("seen/csl",)])
def test_a_training_and_an_analysis_list_alike(without: tuple[str, ...]) -> None:
    """The suspicious labels of a run, and the consensus of several: by the same column."""
    there: dict[str, Any] = {name: values for name, values in BOTH.items() if name not in without}
    wanted = next(name for name in RANKED if name in there)
    assert leading(there) == wanted
    assert consensus._shared([SimpleNamespace(summaries=list(there))] * 2) == wanted  # type: ignore[arg-type]


def test_a_recording_with_clean_passes_ranks_by_its_training() -> None:
    """`csl` ranks only where there are clean passes alone; another column on demand."""
    logits, labels, ids = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]), torch.arange(2)
    both, clean = Recorder(2), Recorder(2)
    both.update(logits, labels, ids)
    for recorder in (both, clean):
        recorder.clean_pass([(logits, labels, ids)])
        recorder.end_epoch()
    assert "seen/csl" in both.suspicious(1).columns
    assert "csl" in clean.suspicious(1).columns
    assert "csl" in both.suspicious(1, by="csl").columns
