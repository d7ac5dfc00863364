"""How well the methods of matched runs find changed labels: from what runs stored, or from the columns.

    stored(methods)            reads `sheet/evaluation.json` of each run: kilobytes
    ranked(methods, …)         ranks the columns themselves, all on the same examples

Both give the same numbers but one: where csl comes from another sheet than the method, as for a detector of
another protocol, neither stored DeLong's covariance of the two, and p is an upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memest.analysis.columns import covered_text, epochs_covered, seconds
from memest.analysis.matched_runs import MatchedRuns, Methods
from memest.analysis.record import RunRecord
from memest.detect import Detection, Evaluation, judge, suspicion
from memest.metrics import Bools, Floats, Ranking, auroc, bootstrap, compare

REFERENCE = "csl"
"""What every method is compared with, among the same matched runs."""


@dataclass(frozen=True)
class Judged:
    """How well one method does on one set of labels.

    Attributes:
        found: its detection.
        p_vs_csl: of the paired DeLong test against csl on the same labels; NaN without csl.
        bound: `p_vs_csl` is the largest that it can be, whatever the correlation of the two.
        more: further columns of its row.
    """

    found: Detection
    p_vs_csl: float = math.nan
    bound: bool = False
    more: Mapping[str, float] | None = None


def stored(methods: Methods) -> dict[str, Judged]:
    """Every method as its run evaluated it; without those of runs that have nothing changed."""
    places = {name: place for name, (run, column) in methods.items() if (place := _evaluated(run, column))}
    found = {}
    for name, (evaluation, column) in places.items():
        p_value, bound = math.nan, False
        if name != REFERENCE and REFERENCE in places:
            p_value, bound = _against(evaluation, column, places[REFERENCE][0])
        found[name] = Judged(evaluation.found[column], p_value, bound)
    return found


def ranked(
    methods: Methods,
    values: Mapping[str, Floats],
    positives_N: Bools,
    kept_N: Bools | None = None,
    resamples: int = 0,
) -> dict[str, Judged]:
    """Every method from its values, (N,) by name, higher or lower as its column declares.

    Args:
        positives_N: what is looked for.
        kept_N: the examples that are judged; all, if None.
        resamples: of a bootstrap, drawn with seed 0; with any the interval is added as `bootstrap_low` and
            `bootstrap_high`.
    """
    kept = slice(None) if kept_N is None else kept_N
    positives = positives_N[kept]
    turned = {name: suspicion(column, values[name])[kept] for name, (_, column) in methods.items()}
    rankings = {name: Ranking(values, positives, name) for name, values in turned.items()}
    found = {}
    for name, ranking in rankings.items():
        p_value, more = math.nan, {}
        if name != REFERENCE and REFERENCE in rankings:
            p_value = ranking.against(rankings[REFERENCE]).p_value
        if resamples:
            drawn = bootstrap(auroc, turned[name], positives, np.random.default_rng(0), resamples)
            more = {"bootstrap_low": drawn.low, "bootstrap_high": drawn.high}
        found[name] = Judged(judge(ranking), p_value, more=more)
    return found


def rows(matched: MatchedRuns, methods: Methods, judged: Mapping[str, Judged]) -> Iterator[dict[str, Any]]:
    """One row per method that was judged.

    Columns: seed, labels (of the fingerprint, 12 digits), run, method, covers (the epochs it is made from),
    auroc with its 95 % interval (low, high), average_precision, fpr95, precision (at k = the number of
    positives), positives, examples, minus_csl (difference of AUROCs), p_vs_csl, p_is_bound, seconds (training
    and scoring, from nothing).
    """
    csl = judged[REFERENCE].found.auroc.value if REFERENCE in judged else math.nan
    for name, one in judged.items():
        run, column = methods[name]
        spent = seconds(run, column)
        yield {
            "seed": matched.seed,
            "labels": matched.fingerprint[:12],
            "run": run.id,
            "method": name,
            "covers": covered_text(epochs_covered(run, column)),
            **one.found.figures(),
            "positives": one.found.positives,
            "examples": one.found.examples,
            "minus_csl": math.nan if name == REFERENCE else one.found.auroc.value - csl,
            "p_vs_csl": one.p_vs_csl,
            "p_is_bound": one.bound,
            "seconds": math.nan if spent is None else spent,
            **(one.more or {}),
        }


def _evaluated(run: RunRecord, column: str) -> tuple[Evaluation, str] | None:
    """The first evaluation of a run that judged the column."""
    return next(((found, column) for found in run.evaluations if column in found.found), None)


def _against(evaluation: Evaluation, column: str, reference: Evaluation) -> tuple[float, bool]:
    """p of a column against csl, and whether it is a bound."""
    if evaluation is reference:
        return evaluation.against(column, REFERENCE).p_value, False
    difference = evaluation.found[column].auroc.value - reference.found[REFERENCE].auroc.value
    error = _error(evaluation, column) + _error(reference, REFERENCE)  # as if they were fully opposed
    return compare(difference, error**2).p_value, True


def _error(evaluation: Evaluation, column: str) -> float:
    place = list(evaluation.found).index(column)
    return math.sqrt(max(float(evaluation.covariance[place, place]), 0.0))
