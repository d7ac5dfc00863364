"""What the ledger takes of the leak audit: means over seeds, against each set of labels."""

from __future__ import annotations

import pandas as pd
import pytest

from memest.analysis.groups import AXES
from memest.grammar.spec import GIVEN
from memest.paper.leak_cells import AGAINST, OTHERS, audited_rows

AUROC = {GIVEN: 0.9, "true": 0.99, "released": 0.98, "released(seed=1)": 0.94, "released(seed=2)": 0.96}
"""Of seed 0; those of seed 1 are .01 lower."""


def _rows() -> pd.DataFrame:
    foreign = {"above_foreign": 0.03, "without_foreign": 0.97}
    return pd.DataFrame(
        [
            dict.fromkeys(AXES, "same")
            | {"covers": "epochs 1–2", "summary": summary, "labels": labels, "seed": f"{seed}"}
            | {"auroc": value - 0.01 * seed, "run": f"run{seed}", "departs": ""}
            | (foreign if labels.startswith("released") else dict.fromkeys(foreign))
            for summary in ("csl", "sgal")
            for labels, value in AUROC.items()
            for seed in (0, 1)
        ]
    )


def test_each_set_of_labels_is_a_cell() -> None:
    """Given, true, the released draw, others together; only summaries that the rule speaks of."""
    found = {(row["summary"], against): values for row, against, values in audited_rows(_rows())}
    assert {summary for summary, _ in found} == {"csl"}
    means = {against: values.mean() for (_, against), values in found.items()}
    assert means.pop(f"{AGAINST['released']}, without what only C flips") == pytest.approx(0.97)
    assert means.pop("P(changed above what only C flips)") == pytest.approx(0.03)
    wanted = {AGAINST[name]: AUROC[name] - 0.005 for name in AGAINST} | {OTHERS: 0.95 - 0.005}
    assert means == pytest.approx(wanted)
    assert all(list(values.index) == ["0", "1"] for values in found.values())
