"""A package that brings one of everything, used by a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from distributions import install

import memest

REAL = """
from memest.scores import SCORES, logit_score, HIGHER
from memest.summaries import summary
from memest.data import SETS, CORRUPTIONS
from memest.models import MODELS
from memest.detect import DETECTORS
from memest.analysis import ANALYSES

@logit_score(unit="", harder=1)
def theirs(logits_BK, labels_B, *, scale: float = 1.0):
    return scale * logits_BK.amax(1)

for registry in (SETS, CORRUPTIONS, MODELS, DETECTORS, ANALYSES):
    def theirs(*arguments): ...
    registry.register(theirs)
"""
TRY = """
import sys
import torch
from memest import Recorder, cli
from memest.analysis import ANALYSES
from memest.data import CORRUPTIONS, SETS
from memest.detect import DETECTORS
from memest.models import MODELS
from memest.scores import SCORES, ScoreSet, score_list
assert "theirs_all" not in sys.modules
assert "theirs" not in score_list("logits", str)
for registry in (SCORES, SETS, CORRUPTIONS, MODELS, DETECTORS, ANALYSES):
    assert registry.parse("theirs").name == "theirs", registry.noun
assert len(ScoreSet("loss, theirs(scale=2.0)")) == 2
recorder = Recorder(1, scores="theirs(scale=2.0)")
recorder.update(torch.tensor([[1.0, 3.0]]), [0], [0])
assert recorder.end_epoch() == {"seen/theirs(scale=2.0)": 6.0}
assert "theirs" not in score_list("logits", str)
assert cli.main(["train", "--scores", "clash"]) == 2
assert cli.main(["train", "--model", "tiny", "--scores", "curvature"]) == 2
"""


def test_every_kind_of_thing_can_be_brought(tmp_path: Path) -> None:
    """Scores, datasets, corruptions, models, detectors and analyses; `logits` stays what memest has.

    A package that takes a name of memest's own is refused where that name is used.
    """
    groups = ("scores", "sources", "corruptions", "models", "detectors", "analyses")
    points = {f"memest.{group}": "theirs = theirs_all" for group in groups}
    points["memest.scores"] += "\ncurvature = theirs_all\nclash = theirs_nowhere"
    install(tmp_path / "site", "theirs", points, theirs_all=REAL)
    path = os.pathsep.join([str(tmp_path / "site"), str(Path(memest.__file__).parents[1])])
    run: Any = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRY],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    unknown, taken = run.stderr.splitlines()
    assert unknown.startswith(
        "memest: the package theirs brings 'clash' to memest.scores from theirs_nowhere"
    )
    assert taken.startswith(
        "memest: the package theirs brings 'curvature' to memest.scores from theirs_all, a name"
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "site"]
