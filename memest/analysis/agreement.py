"""How far runs of the same labels agree: matrices of rank correlation and of overlap, and rows made of them.

    ranks (R, N) per summary → agreement (R, R) → one row per pair of runs; one per number of seeds

Axes: R runs, N examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.averages import records
from memest.analysis.columns import in_table_order, is_summary, tabled
from memest.analysis.groups import covering, differences, groups
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.detect import suspicion
from memest.metrics import Floats, midranks

if TYPE_CHECKING:
    import pandas as pd

SUBSETS = 60
"""At most so many sets of seeds stand for all of one size; more are drawn, with seed 0."""
SAME = ("dataset", "limit", "corruption", "fingerprint", "scores_version")


@dataclass(frozen=True)
class SameLabels:
    """Runs that were trained on the same images and labels, whatever the network.

    Attributes:
        runs: R of them, no training twice.
    """

    runs: list[RunRecord]

    @property
    def axes(self) -> dict[str, str]:
        """What they have in common."""
        return {axis: self.runs[0].tags.get(axis, "") for axis in SAME}

    @property
    def names(self) -> list[str]:
        """Of the runs: network with its training, and seed."""
        return [
            f"{model} · {run.tags.get('seed', '')}"
            for run, model in zip(self.runs, self._trained, strict=True)
        ]

    @cached_property
    def _trained(self) -> list[str]:
        """By run, the network and what it was trained by, as far as the runs differ in it."""
        of = {run.id: group for group in groups(self.runs) for run in group.runs}
        settings = [(of[run.id].setting, run) for run in self.runs]
        texts = differences(settings, lambda setting: f"{setting['model']}, {setting['epochs']} epochs")
        said = [f"{setting['model']}, {setting['epochs']} epochs" for setting, _ in settings]
        return [f"{name} ({more})" if more else name for name, more in zip(said, texts, strict=True)]

    def models(self, summary: str) -> dict[str, list[int]]:
        """The places of the runs whose values of a summary may be averaged, by network and training."""
        found: dict[str, list[int]] = {}
        for place, name in enumerate(self._trained):
            found.setdefault(name, []).append(place)
        parts: dict[str, list[int]] = {}
        for name, places in found.items():
            at = {self.runs[place].id: place for place in places}
            for covers, runs in covering([self.runs[place] for place in places], summary):
                parts[f"{name} ({covers})" if covers else name] = [at[run.id] for run in runs]
        return parts

    @cached_property
    def summaries(self) -> list[str]:
        """The summaries that all of the runs have, as tables list them."""
        shared = set.intersection(*(set(run.summaries) for run in self.runs))
        return in_table_order(name for name in shared if tabled(name) and is_summary(name))

    def ranks(self, summary: str) -> Floats:
        """Midranks of suspicion, (R, N), examples in the order of their ids; N is the most suspicious."""
        columns = RunSet(self.runs).joined([summary])
        return np.stack([midranks(suspicion(summary, of[summary])) for of in columns])


def spearman_matrix(ranks_RN: Floats) -> Floats:
    """Spearman's correlation of every two runs, (R, R); 0 where one is constant, 1 with itself."""
    centred = ranks_RN - ranks_RN.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    scaled = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    found = np.clip(scaled @ scaled.T, -1, 1)
    np.fill_diagonal(found, 1)
    return np.asarray(found)


def top_shares(ranks_RN: Floats, count: int) -> Floats:
    """The chance of each example to be among the `count` most suspicious of each run, (R, N); rows sum to it.

    1 above the last place and 0 below it; examples tied for it share the places that are left.
    """
    threshold_R1 = np.partition(ranks_RN, -count, axis=1)[:, -count, None]
    above, tied = ranks_RN > threshold_R1, ranks_RN == threshold_R1
    left = (count - above.sum(1, keepdims=True)) / tied.sum(1, keepdims=True)
    return np.asarray(above + tied * left)


def overlap_matrix(ranks_RN: Floats, count: int) -> Floats:
    """The share of the `count` most suspicious that every two runs have in common, (R, R).

    Ties are broken at random, in each run for itself: two runs that rank nothing agree by chance only. A run
    has all in common with itself.
    """
    chosen = top_shares(ranks_RN, count)
    found = chosen @ chosen.T / count
    np.fill_diagonal(found, 1)
    return np.asarray(found)


def pair_rows(group: SameLabels, top: float) -> Iterator[dict[str, Any]]:
    """One row per summary and pair of runs: rank correlation and overlap of the top."""
    for summary in group.summaries:
        models = {place: model for model, places in group.models(summary).items() for place in places}
        ranks_RN = group.ranks(summary)
        spearman = spearman_matrix(ranks_RN)
        overlap = overlap_matrix(ranks_RN, top_count(ranks_RN, top))
        for a, b in combinations(range(len(group.runs)), 2):
            first, second = sorted((a, b), key=lambda place: models[place])
            yield {
                "summary": summary,
                "model_a": models[first],
                "model_b": models[second],
                "run_a": group.runs[first].id,
                "run_b": group.runs[second].id,
                "rank": spearman[a, b],
                "overlap": overlap[a, b],
            }


def agreement_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row per labels, summary and pair of models: means over pairs of runs, and the lowest.

    `seeds`: how many runs of the one model, or of the model that has fewer, are in the pairs.
    """
    by = [*SAME, "summary", "model_a", "model_b"]
    table = pairs.groupby(by, sort=False).agg(
        pairs=("rank", "size"),
        rank=("rank", "mean"),
        lowest_rank=("rank", "min"),
        overlap=("overlap", "mean"),
        lowest_overlap=("overlap", "min"),
    )
    counts = [_seeds(same) for _, same in pairs.groupby(by, sort=False)]
    return table.reset_index().assign(seeds=counts)


def seed_rows(group: SameLabels, summary: str, top: float) -> Iterator[dict[str, Any]]:
    """One row per model and number m of seeds: how far the top of m seeds is that of all, and of m others.

    Only models with three seeds or more; `with_others` is empty where there are no m others.
    """
    ranks_RN = group.ranks(summary)
    rng = np.random.default_rng(0)
    for model, places in group.models(summary).items():
        if len(places) < 3:
            continue
        mine = ranks_RN[places]
        count = top_count(mine, top)
        every = top_shares(mine.mean(0, keepdims=True), count)[0]
        for m in range(1, len(places) + 1):
            sets = _some(list(combinations(range(len(places)), m)), rng)
            tops = {some: top_shares(mine[list(some)].mean(0, keepdims=True), count)[0] for some in sets}
            apart = [tops[a] @ tops[b] / count for a, b in combinations(tops, 2) if not set(a) & set(b)]
            yield {
                "model": model,
                "seeds": m,
                "of": len(places),
                "sets": len(sets),
                "with_all": float(np.mean([chosen @ every / count for chosen in tops.values()])),
                "with_others": float(np.mean(apart)) if apart else np.nan,
                "top": count,
                "examples": mine.shape[1],
            }


def top_count(ranks_RN: Floats, top: float) -> int:
    """How many examples the share `top` is, at least one."""
    return max(1, round(top * int(ranks_RN.shape[1])))


def _seeds(pairs: pd.DataFrame) -> int:
    one = records(pairs)[0]
    if one["model_a"] == one["model_b"]:
        return len({*pairs.run_a, *pairs.run_b})
    return min(pairs.run_a.nunique(), pairs.run_b.nunique())


def _some(sets: Sequence[tuple[int, ...]], rng: np.random.Generator) -> list[tuple[int, ...]]:
    """All sets, or as many as stand for them."""
    if len(sets) <= SUBSETS:
        return list(sets)
    return [sets[place] for place in sorted(rng.choice(len(sets), SUBSETS, replace=False))]
