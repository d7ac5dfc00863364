"""The curves that runs are compared by: how well summaries of the epochs so far find the changed labels.

They are computed from the sheet when training is over.
"""

from __future__ import annotations

from collections import defaultdict

from memest.detect import slug
from memest.detect.prefixes import looked_at, prefixes
from memest.metrics import Bools, auroc
from memest.store import SheetReader
from memest.summaries import needs_of, suspicion

CURVES = ("csl", "seen/csl", "aum")
"""The summaries whose AUROC a run logs as a curve; `analysis.early` follows more."""


def auroc_curves(sheet: SheetReader, changed_N: Bools) -> dict[int, dict[str, float]]:
    """`auroc/<summary>` of the epochs up to each one, by epoch; empty where nothing is to be found.

    The last value is that of the whole run. A long run is looked at 40 times, the last epoch among them.

    Args:
        sheet: of the run.
        changed_N: (N,) bool, in the order of the sheet.
    """
    curves: dict[int, dict[str, float]] = defaultdict(dict)
    if not 0 < changed_N.sum() < len(changed_N):
        return {}
    for summary in CURVES:
        if not all(key in sheet.manifest.scores for key in needs_of(summary)):
            continue
        epochs = looked_at(sheet, needs_of(summary))
        for epoch, values in zip(epochs, prefixes(sheet, summary, epochs), strict=True):
            curves[int(epoch)][f"auroc/{slug(summary)}"] = auroc(suspicion(summary, values), changed_N)
    return curves
