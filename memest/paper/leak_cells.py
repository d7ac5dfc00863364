"""The leak audit's rows for the ledger: summaries against given, true and foreign labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memest.analysis.averages import records
from memest.analysis.groups import AXES
from memest.grammar.spec import GIVEN
from memest.paper.leak_audit import RELEASED, TRUE
from memest.paper.leak_verdict import RELEASED_SIGN

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("csl", "first_learned, never = last", "first_learned, argmax 0", RELEASED_SIGN)
"""The summaries of the audit that its rule speaks of, and first learned in its other readings."""
AGAINST = {GIVEN: "A, labels trained on", TRUE: "B, true labels", RELEASED: "C, the released draw"}
OTHERS = "D, other draws"
_BESIDE = {
    "without_foreign": f"{AGAINST[RELEASED]}, without what only C flips",
    "above_foreign": "P(changed above what only C flips)",
}


def audited_rows(frame: pd.DataFrame) -> Iterator[tuple[dict[str, Any], str, pd.Series[float]]]:
    """What of the audit the ledger takes: a row of axes, what the loss was measured against, AUROC by seed.

    Args:
        frame: as `leak_audit.audit_rows` gives it.
    """
    shown = frame[frame.summary.isin(SHOWN)]
    against = shown["labels"].map(AGAINST).fillna(OTHERS)
    by = [*AXES, "covers", "summary"]
    for _, same in shown.assign(against=against).groupby([*by, "against"], sort=False, dropna=False):
        row = records(same)[0]
        yield row, row["against"], same.groupby("seed")["auroc"].mean()
        if row["labels"] == RELEASED:
            for name, text in _BESIDE.items():
                yield row, text, same.groupby("seed")[name].mean().dropna()
