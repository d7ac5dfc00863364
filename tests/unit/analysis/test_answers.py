"""What a report says in words: rows that matter, what is below chance and why, where p says something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from memest.analysis import ANALYSES
from memest.analysis.answers import BEST, first, notes, overall
from memest.analysis.runset import RunSet
from memest.analysis.studies import p_values
from memest.reports.intervals import intervals
from memest.testing import generated, truth_of


def table(**aurocs: float) -> pd.DataFrame:
    """Methods of one study, best first, with the same AUROC in every seed."""
    ordered = sorted(aurocs.items(), key=lambda item: -item[1])
    rows = [{"method": name, "label": name, "auroc": value, "highest": value} for name, value in ordered]
    return pd.DataFrame(rows).assign(group="one")


def test_the_best_and_the_known_come_first() -> None:
    """Four of the best, then what people look for, and nothing below chance."""
    made = {f"made_{number}": 0.9 - number / 100 for number in range(8)}
    part = table(**made, csl=0.7, aum=0.6, forgetting_count=0.3)
    shown = [part.method[place] for place in first(part)]
    assert shown == [*[f"made_{number}" for number in range(BEST)], "csl", "aum"]


def test_what_is_below_chance_is_named_with_the_reason() -> None:
    """With the reason that the summary itself declares, once for the clean and the online one."""
    part = table(csl=0.9, variability=0.4, **{"seen/variability": 0.3})
    said = notes(part)
    assert any("variability 0.40, seen/variability 0.30" in note for note in said)
    assert [note for note in said if note.startswith("variability: ")] == [
        "variability: It means ambiguous rather than wrong: a wrong label that is never learned keeps a low "
        "confidence, which hardly varies."
    ]
    assert not any("Below chance" in note for note in notes(table(csl=0.9, aum=0.6)))


def test_several_settings_are_summed_up_in_a_sentence() -> None:
    """The method that leads in most, and the ends of csl; one setting says nothing."""
    one, other = table(csl=0.9, aum=0.8), table(csl=0.7, aum=0.6).assign(group="other")
    assert overall(one) == ""
    said = overall(pd.concat([one, other]))
    assert said == "csl has the highest AUROC in 2 of 2 settings; csl has 0.700 to 0.900 over them."


@pytest.mark.parametrize(
    ("least", "most", "p", "bound", "shown"),
    [
        (0.01, 0.03, 0.2, False, True),
        (-0.03, -0.01, 0.2, False, True),
        (-0.01, 0.03, 0.2, False, False),
        (0.01, 0.03, 0.2, True, False),
        (0.01, 0.03, 0.04, True, True),
        (np.nan, np.nan, np.nan, False, False),
    ],
)
def test_p_stands_where_it_tells_something(
    least: float, most: float, p: float, bound: bool, shown: bool
) -> None:
    """Where all seeds agree in sign; an upper bound only below the level."""
    row = {"least_minus_csl": least, "most_minus_csl": most, "largest_p_vs_csl": p, "p_is_bound": bound}
    assert p_values(pd.DataFrame([row])) == [(p, bound) if shown else (None, False)]


def test_the_difference_from_csl_is_that_of_the_aurocs(tmp_path: Path) -> None:
    """Recomputed from the table of single runs."""
    rng = np.random.default_rng(0)
    changed = rng.random(200) < 0.2
    truth = truth_of(rng.integers(0, 5, 200), changed)
    values = {"csl": rng.normal(size=200) + changed, "final_loss": rng.normal(size=200) + 2 * changed}
    runs = [generated(tmp_path, truth, values, seed=str(seed), evaluated=True) for seed in (1, 2)]
    rows = ANALYSES.call("detection", RunSet(runs)).tables["detection_per_run"].set_index("summary")
    expected = rows.auroc["final_loss"].to_numpy() - rows.auroc["csl"].to_numpy()
    np.testing.assert_allclose(rows.minus_csl["final_loss"], expected)
    assert rows.minus_csl["csl"].isna().all()


@pytest.mark.parametrize(("centre", "stretched"), [(0.999, True), (0.7, False)])
def test_the_axis_adapts_to_where_values_lie(centre: float, stretched: bool) -> None:
    """Near 1, .9 to .99 is as wide as .99 to .999; the axis begins where the lowest interval does."""
    bars = {f"seed {number}": (centre, centre - 0.01, centre + 0.0005) for number in range(3)}
    (axes,) = intervals([("csl", bars), ("aum", bars)], "AUROC").axes
    assert axes.get_xlim()[0] > centre - 0.05
    pixels = axes.transData.transform([(0.9, 0), (0.99, 0), (0.999, 0)])[:, 0]
    near, far = pixels[2] - pixels[1], pixels[1] - pixels[0]
    assert (near > far / 2) == stretched
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["seed 0", "seed 1", "seed 2"]
