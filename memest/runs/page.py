"""The page of a training run: its most suspicious labels with pictures and traces, by the audit's renderer.

Axes: E epochs, M examples shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.auditing.findings import Findings, WrongShare
from memest.auditing.report import report_html
from memest.data import ImageSet
from memest.detect import rank
from memest.store import SheetReader
from memest.store.tables import NAME, Columns

SHOWN = 100
_SAID = ("model", "epochs", "seed", "corruption", "protocol")
"""Settings that the page names."""


def run_page(images: ImageSet, sheet: SheetReader, summary: Columns, best: str) -> bytes:
    """`report.html` of a run; equal sheets give equal bytes.

    No label is suggested and none is said to be wrong: a run without folds has no network that could tell.

    Args:
        images: those that were scored, in the order of the sheet.
        sheet: of the run.
        summary: one row for each example.
        best: the column that ranks them.
    """
    order = rank(best, summary[best]).astype(np.int64)
    chosen = order[:SHOWN]
    header, count = sheet.manifest.header, len(images)
    shown = len(chosen)
    unknown = float("nan")
    epochs, losses = _losses(sheet, chosen)
    names = summary[NAME] if NAME in summary else summary["id"]
    findings = Findings(
        dataset=str(header.config.get("data", "")),
        fingerprint=images.fingerprint,
        classes=images.classes,
        ids=images.ids[chosen],
        files=tuple(map(str, names[chosen].tolist())),
        labels=images.labels[chosen],
        suggested=np.full(shown, -1),
        probability=np.full(shown, unknown),
        rank=np.arange(1, shown + 1),
        kind=np.full(shown, "fine"),
        why=tuple(_why(images, summary, best, n) for n in chosen.tolist()),
        estimate=WrongShare(unknown, unknown, unknown, 0),
        epochs=epochs,
        losses=losses,
        choice={name: str(header.config[name]) for name in _SAID if name in header.config}
        | {"ranked by": best},
        limit=int(header.config.get("limit", 0)),
    )
    title = f"The {shown:,} most suspicious labels of {count:,}"
    said = [_answer(summary["changed"][order].astype(bool), best, shown)]
    return report_html(findings, images.take(chosen), title=title, said=said)


def _answer(changed_N: NDArray[np.bool_], best: str, shown: int) -> str:
    """What a list is worth: how many of the labels that were changed on purpose it begins with.

    Args:
        changed_N: (N,), the most suspicious first.
        best: what ranks them.
        shown: how many are shown.
    """
    count = int(changed_N.sum())
    if not count:
        return f"Ranked by {best}: first what this network found hardest to fit. What is wrong, you decide."
    first, found = 100 * changed_N[:count].mean(), int(changed_N[:shown].sum())
    return (
        f"{count:,} of {len(changed_N):,} labels were changed on purpose. Ranked by {best}, {first:.0f} % of "
        f"the first {count:,} are such, and {found:,} stand among the {shown:,} that are shown here."
    )


def _why(images: ImageSet, summary: Columns, best: str, n: int) -> str:
    said = f"{best} {float(summary[best][n]):.4g}"
    if not summary["changed"][n]:
        return said
    return f"changed on purpose, from {images.classes[summary['original_label'][n]]}; {said}"


def _losses(sheet: SheetReader, chosen_M: NDArray[np.int64]) -> tuple[NDArray[np.int64], Any]:
    """Epochs and losses, (E,) and (E, M); nothing and None where no loss was measured."""
    key = next((key for key in ("loss", "seen/loss") if key in sheet.manifest.scores), None)
    if key is None:
        return np.zeros(0, np.int64), None
    traces = [sheet.trace(key, slice(n, n + 1)) for n in chosen_M.tolist()]
    return traces[0][0], np.concatenate([values for _, values in traces], axis=1).astype(np.float32)
