"""Reports say their answer in words first, from the numbers of their own tables."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from memest.analysis.answers import answer, first
from memest.analysis.difficulty import _answer as of_difficulty
from memest.analysis.galleries import HIGHEST, LOWEST
from memest.analysis.galleries import _answer as of_galleries
from memest.paper.leak_verdict import NO, YES, Condition, LeakVerdict
from memest.paper.theory import _answer as of_theory


def test_a_gallery_says_how_many_labels_were_changed_at_each_end() -> None:
    """Counted by hand; without a corruption it says that there is nothing to count."""
    rows = [{"end": end, "label": label} for end, label in product((HIGHEST, LOWEST), ("a", "b"))]
    table = pd.DataFrame(rows * 2).assign(changed=[True, False, False, False, True, True, False, False])
    said = of_galleries(table, "csl")
    assert said.startswith("Of the 4 examples that csl ranks highest") and "3 have a label" in said
    assert said.endswith("of the 4 lowest 0.")
    assert "no label was changed" in of_galleries(table.assign(changed=False), "csl")


def test_difficulty_is_told_from_the_easiest_to_the_hardest_that_can_be() -> None:
    """A decile without changed labels is no end; the best mean is named where it is not csl."""
    rows = [("csl", decile, value) for decile, value in ((1, np.nan), (2, 0.9), (10, 0.7))]
    rows += [("aum", decile, value) for decile, value in ((1, np.nan), (2, 0.95), (10, 0.85))]
    part = pd.DataFrame(rows, columns=["summary", "decile", "auroc"]).assign(
        label=lambda table: table.summary, seeds=1
    )
    said = of_difficulty(part)
    assert "0.900 among the easiest" in said and "(decile 2)" in said and "0.700 among the hardest" in said
    assert "Highest mean over the deciles: aum 0.900 (csl: 0.800)." in said
    assert "nothing can be compared" in of_difficulty(part.assign(auroc=np.nan))


def test_theory_names_what_csl_orders_examples_like() -> None:
    """The pair with the highest Spearman first, the others after it."""
    pairs = [("learning_time", "csl", 0.9), ("csl", "learning_time", 0.9), ("csl", "mean_curvature", 0.4)]
    rows = [{"x": x, "y": y, "spearman": r, "count": n} for x, y, r in pairs for n in (6, 4)]
    said = of_theory(pd.DataFrame(rows))
    assert said.startswith("csl orders 10 examples most nearly as learning_time does, with Spearman 0.90")
    assert "(with mean_curvature 0.40)" in said


def test_a_verdict_is_a_sentence() -> None:
    """Which is so, or how many of the conditions hold."""
    holds, fails = Condition("a", "1", "1", YES), Condition("b", "1", "0", NO)
    assert "against foreign labels" in LeakVerdict("x", [holds]).said
    assert LeakVerdict("x", [holds, fails]).said.endswith("1 of 2 conditions met")


def test_the_answer_is_that_of_the_list_which_runs_show() -> None:
    """The online csl where there is one: it ranks the list of every run; the best is named beside it."""
    names = ("seen/aum", "seen/csl", "csl")
    values = (0.99, 0.98, 0.7)
    part = pd.DataFrame({"method": names, "label": names, "auroc": values, "precision": values})
    part = part.assign(highest=values, fpr95=0.1, positives=10, examples=110)
    said = answer(part)
    assert said.startswith("Among the first 10 of 110 labels that seen/csl lists, 98 % were changed")
    assert "look at 20" in said  # 95 % of the 10, and a tenth of the 100 others
    assert said.endswith("Highest AUROC: seen/aum 0.9900 (csl: 0.7000).")
    assert first(part) == [0, 1, 2]
