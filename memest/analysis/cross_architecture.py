"""Do other architectures and other seeds single out the same examples, and how many seeds does it take?

    runs of the same labels → ranks (R, N) per summary → agreement (R, R) → tables by pair of models

Axes: R runs, N examples. Depends on `trials`, `methods`, `stats`, numpy, pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.columns import is_summary, listed, tabled
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.frames import records
from memest.analysis.runset import RunRecord, RunSet
from memest.analysis.trials import STANDARD
from memest.detect import suspicion
from memest.errors import NoRunsError
from memest.grammar.values import PositiveShare
from memest.metrics import Floats, midranks
from memest.reports import figures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SUBSETS = 60
"""At most so many sets of seeds stand for all of one size; more are drawn, with seed 0."""
_SAME = ("dataset", "limit", "corruption", "fingerprint")
_READING = (
    "Only runs trained on the same images and labels are compared. rank: Spearman's correlation of two runs, "
    "mean over pairs. overlap: the share of the most suspicious examples of one run that are among those of "
    "the other. Pairs of one model differ in seed: agreement between models cannot be expected to exceed it. "
    "Seeds: the most suspicious by the mean rank of m seeds, against those of all seeds (among which they "
    "are, so that the last point is 1 by construction) and against those of m other seeds."
)


@ANALYSES.register
def cross_architecture(runs: RunSet, *, summary: str = "csl", top: PositiveShare = 0.05) -> Finding:
    """Rank agreement of every summary between architectures and seeds, and how many seeds a stable top needs.

    Args:
        summary: the one whose matrix and seeds are shown.
        top: the share of all examples that counts as the top.

    Raises:
        NoRunsError: no two runs were trained on the same labels, or none of these has the summary.
    """
    import pandas as pd

    groups = _groups(runs, summary)
    tables, needed = [], []
    sections: list[Section] = []
    for number, group in enumerate(groups):
        pairs, seeds = pair_rows(group, top), seed_rows(group, summary, top)
        tables.append(pd.DataFrame(pairs).assign(**group.axes))
        needed.append(pd.DataFrame(seeds).assign(**group.axes))
        sections += _sections(number, group, tables[-1], needed[-1], summary, top)
    apart = len(runs) - sum(len(group.runs) for group in groups)
    left = (
        f" {apart} runs are left out: no other run has their labels, or they lack {summary}." if apart else ""
    )
    ids = ", ".join(run.id for group in groups for run in group.runs)
    by_pair = pd.concat(tables, ignore_index=True)
    return Finding(
        title="Do architectures and seeds agree?",
        tables={
            "agreement_per_pair": by_pair,
            "agreement": agreement_table(by_pair),
            "seeds_needed": pd.concat(needed, ignore_index=True),
        },
        sections=sections,
        remark=f"{_READING}{left} Runs: {ids}.",
    )


@dataclass(frozen=True)
class Group:
    """Runs that were trained on the same images and labels, by model and seed.

    Attributes:
        runs: R of them.
    """

    runs: list[RunRecord]

    @property
    def axes(self) -> dict[str, str]:
        """What they have in common."""
        return {axis: self.runs[0].tags.get(axis, "") for axis in _SAME}

    @property
    def names(self) -> list[str]:
        """Of the runs: model and seed."""
        return [f"{run.tags.get('model', '')} · {run.tags.get('seed', '')}" for run in self.runs]

    @property
    def models(self) -> dict[str, list[int]]:
        """By model and its training, the places of its runs."""
        found: dict[str, list[int]] = {}
        for place, run in enumerate(self.runs):
            found.setdefault(_model(run), []).append(place)
        return found

    @cached_property
    def summaries(self) -> list[str]:
        """The summaries that all of the runs have, as tables list them."""
        shared = set.intersection(*(set(run.summaries) for run in self.runs))
        return listed(name for name in shared if tabled(name) and is_summary(name))

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


def pair_rows(group: Group, top: float) -> Iterator[dict[str, Any]]:
    """One row per summary and pair of runs: rank correlation and overlap of the top."""
    models = {place: model for model, places in group.models.items() for place in places}
    for summary in group.summaries:
        ranks_RN = group.ranks(summary)
        spearman = spearman_matrix(ranks_RN)
        overlap = overlap_matrix(ranks_RN, _count(ranks_RN, top))
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
    """One row per labels, summary and pair of models: means over pairs of runs, and the lowest."""
    by = [*_SAME, "summary", "model_a", "model_b"]
    table = pairs.groupby(by, sort=False).agg(
        pairs=("rank", "size"),
        rank=("rank", "mean"),
        lowest_rank=("rank", "min"),
        overlap=("overlap", "mean"),
        lowest_overlap=("overlap", "min"),
    )
    return table.reset_index()


def seed_rows(group: Group, summary: str, top: float) -> Iterator[dict[str, Any]]:
    """One row per model and number m of seeds: how far the top of m seeds is that of all, and of m others.

    Only models with three seeds or more; `with_others` is empty where there are no m others.
    """
    ranks_RN = group.ranks(summary)
    rng = np.random.default_rng(0)
    for model, places in group.models.items():
        if len(places) < 3:
            continue
        mine = ranks_RN[places]
        count = _count(mine, top)
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


def _groups(runs: RunSet, summary: str) -> list[Group]:
    """Standard runs of the same labels that have the summary, two at least."""
    standard = RunSet([run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD])
    groups = []
    for _, same in standard.group_by(*_SAME):
        there = [
            run for run, names in zip(same, same.map(lambda run: run.names), strict=True) if summary in names
        ]
        if len(there) > 1:
            groups.append(Group(sorted(there, key=lambda run: (_model(run), _seed(run)))))
    if not groups:
        labels = {run.tags.get("fingerprint", "") for run in standard}
        raise NoRunsError(
            f"no two of the {len(standard)} standard runs have both the same labels and {summary!r}: "
            f"they have {len(labels)} sets of labels; train other seeds and models with the same "
            "--corruption-seed"
        )
    return groups


def _model(run: RunRecord) -> str:
    """The model, and the epochs it was trained for."""
    return f"{run.tags.get('model', '')}, {run.tags.get('epochs', '')} epochs"


def _seed(run: RunRecord) -> tuple[int, str]:
    seed = run.tags.get("seed", "")
    return (int(seed), "") if seed.isdigit() else (0, seed)


def _count(ranks_RN: Floats, top: float) -> int:
    return max(1, round(top * int(ranks_RN.shape[1])))


def _some(sets: Sequence[tuple[int, ...]], rng: np.random.Generator) -> list[tuple[int, ...]]:
    """All sets, or as many as stand for them."""
    if len(sets) <= SUBSETS:
        return list(sets)
    return [sets[place] for place in sorted(rng.choice(len(sets), SUBSETS, replace=False))]


def _sections(
    number: int, group: Group, pairs: pd.DataFrame, seeds: pd.DataFrame, summary: str, top: float
) -> Iterator[Section]:
    axes = group.axes
    limit = f" ({axes['limit']} images)" if axes["limit"] not in ("", "0") else ""
    title = f"{axes['dataset']}{limit}, {axes['corruption']}, labels {axes['fingerprint'][:8]}…"
    table = agreement_table(pairs)
    paint = partial(_paint_matrices, number, group, summary, top)
    yield Section(f"{title}: {len(group.runs)} runs", _agreement_cells(table, summary), paint)
    if len(seeds) and "model" in seeds:
        chance = float(seeds.top.iloc[0] / seeds.examples.iloc[0])
        heading = f"{title}: the top {100 * top:g} % by {summary} of m seeds"
        yield Section(heading, _seed_cells(seeds), partial(_paint_seeds, number, seeds, chance))


def _agreement_cells(table: pd.DataFrame, summary: str) -> Cells:
    """The chosen summary between every two models, then the others within and across models."""
    rows = [
        [
            row["summary"],
            _pair(row),
            str(row["pairs"]),
            f"{row['rank']:.3f}",
            f"{row['lowest_rank']:.3f}",
            f"{row['overlap']:.3f}",
        ]
        for row in records(table)
        if row["summary"] == summary
    ]
    weighed = table.assign(kind=np.where(table.model_a == table.model_b, "same model", "other model"))
    for (name, kind), part in weighed[weighed.summary != summary].groupby(["summary", "kind"], sort=False):
        total = part.pairs.sum()
        rank, overlap = (float((part[key] * part.pairs).sum() / total) for key in ("rank", "overlap"))
        rows.append(
            [name, kind, str(total), f"{rank:.3f}", f"{part.lowest_rank.min():.3f}", f"{overlap:.3f}"]
        )
    return ["summary", "between", "pairs", "rank", "lowest", "overlap of the top"], rows


def _pair(row: Mapping[str, Any]) -> str:
    same = row["model_a"] == row["model_b"]
    return f"seeds of {row['model_a']}" if same else f"{row['model_a']} and {row['model_b']}"


def _seed_cells(seeds: pd.DataFrame) -> Cells:
    rows = [
        [
            row["model"],
            str(row["seeds"]),
            str(row["of"]),
            f"{row['with_all']:.3f}",
            "" if np.isnan(row["with_others"]) else f"{row['with_others']:.3f}",
        ]
        for row in records(seeds)
    ]
    return ["model", "m", "of", "overlap with all", "with m others"], rows


def _paint_matrices(number: int, group: Group, summary: str, top: float) -> dict[tuple[str, str], Figure]:
    ranks_RN = group.ranks(summary)
    overlap = overlap_matrix(ranks_RN, _count(ranks_RN, top))
    label = f"overlap of the top {100 * top:g} %"
    return {
        (f"rank-{number}", f"rank correlation of {summary} between runs"): figures.matrix(
            spearman_matrix(ranks_RN), group.names, "Spearman"
        ),
        (f"overlap-{number}", f"{label} by {summary} between runs"): figures.matrix(
            overlap, group.names, label
        ),
    }


def _paint_seeds(number: int, seeds: pd.DataFrame, chance: float) -> dict[tuple[str, str], Figure]:
    curves = {}
    for model, part in seeds.groupby("model", sort=False):
        curves[f"{model}: with all"] = (part.seeds.tolist(), part.with_all.tolist())
        others = part[part.with_others.notna()]
        curves[f"{model}: with m others"] = (others.seeds.tolist(), others.with_others.tolist())
    caption = "how many seeds a stable top needs"
    figure = figures.lines(curves, "seeds m", "share of the top in common", chance)
    return {(f"seeds-{number}", caption): figure}
