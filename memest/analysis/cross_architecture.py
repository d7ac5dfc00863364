"""Do other architectures and other seeds single out the same examples, and how many seeds does it take?

runs of the same labels → agreement of every two → tables by pair of models
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.agreement import (
    SAME,
    SameLabels,
    agreement_table,
    overlap_matrix,
    pair_rows,
    seed_rows,
    spearman_matrix,
    top_count,
)
from memest.analysis.averages import records
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import seed_of, without_repeats
from memest.analysis.matched_runs import STANDARD
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.grammar.values import PositiveShare
from memest.reports import figures
from memest.reports.sections import Picture, Section
from memest.reports.tables import Column, Table, ends, fixed, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SHOWN = 12
_READING = (
    "Only runs trained on the same images and labels are compared. rank: Spearman's correlation of two runs, "
    "mean over pairs. overlap: the share of the most suspicious examples of one run that are among those of "
    "the other. Pairs of one model differ in their seed alone; other settings are other models: agreement "
    "between models cannot be expected to exceed it. "
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

    sets = _label_sets(runs, summary)
    tables, needed = [], []
    sections: list[Section] = []
    for number, same in enumerate(sets):
        pairs = pd.DataFrame(pair_rows(same, top)).assign(**same.axes)
        seeds = pd.DataFrame(seed_rows(same, summary, top)).assign(**same.axes)
        tables.append(pairs)
        needed.append(seeds)
        sections += _sections(number, same, pairs, seeds, summary, top)
    apart = len(runs) - sum(len(same.runs) for same in sets)
    left = f"{apart} runs are left out: no other run has their labels, or they lack {summary}."
    by_pair = pd.concat(tables, ignore_index=True)
    return Finding(
        title="Do architectures and seeds agree?",
        tables={
            "agreement_per_pair": by_pair,
            "agreement": agreement_table(by_pair),
            "seeds_needed": pd.concat(needed, ignore_index=True),
        },
        sections=sections,
        remark=remark(_READING, (run for same in sets for run in same.runs), *([left] if apart else [])),
    )


def _label_sets(runs: RunSet, summary: str) -> list[SameLabels]:
    """Standard runs of the same labels that have the summary, two at least."""
    standard = RunSet(without_repeats(run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD))
    sets = []
    for _, same in standard.group_by(*SAME):
        names = same.map(lambda run: run.summaries)
        having = [run for run, there in zip(same, names, strict=True) if summary in there]
        if len(having) > 1:
            sets.append(SameLabels(sorted(having, key=_order)))
    if not sets:
        labels = {run.tags.get("fingerprint", "") for run in standard}
        raise NoRunsError(
            f"no two of the {len(standard)} standard runs have both the same labels and {summary!r}: "
            f"they have {len(labels)} sets of labels; train other seeds and models with the same "
            "--corruption-seed"
        )
    return sets


def _order(run: RunRecord) -> tuple[object, ...]:
    return (run.tags.get("model", ""), run.tags.get("epochs", ""), run.tags.get("recipe", ""), seed_of(run))


def _sections(
    number: int, same: SameLabels, pairs: pd.DataFrame, seeds: pd.DataFrame, summary: str, top: float
) -> Iterator[Section]:
    axes = same.axes
    limit = f" ({axes['limit']} images)" if axes["limit"] not in ("", "0") else ""
    version = f", definitions of scores {axes['scores_version']}" if axes["scores_version"] else ""
    title = f"{axes['dataset']}{limit}, {axes['corruption']}, labels {axes['fingerprint'][:8]}…{version}"
    label = f"overlap of the top {100 * top:g} %"
    matrices = [
        Picture(
            f"rank-{number}",
            f"rank correlation of {summary} between runs",
            partial(_ranks, same, summary),
        ),
        Picture(
            f"overlap-{number}",
            f"{label} by {summary} between runs",
            partial(_overlaps, same, summary, top, label),
        ),
    ]
    agreed = agreement_table(pairs)
    table, said = _agreement(agreed, summary), _answer(agreed[agreed.summary == summary], summary)
    yield Section(f"{title}: {len(same.runs)} runs", table, matrices, said=said, first=range(SHOWN))
    if len(seeds) and "model" in seeds:
        heading = f"{title}: the top {100 * top:g} % by {summary} of m seeds"
        yield Section(heading, _seeds_table(seeds), [_seeds_picture(number, seeds)])


def _answer(table: pd.DataFrame, summary: str) -> str:
    """How well two runs agree by a summary, in one sentence."""
    seeds, others = table[table.model_a == table.model_b], table[table.model_a != table.model_b]
    kinds = {"between seeds of one network": seeds["rank"], "between networks": others["rank"]}
    parts = [f"{ends((ranks.min(), ranks.max()), 2)} {kind}" for kind, ranks in kinds.items() if len(ranks)]
    return f"Rank correlation of {summary}: {', '.join(parts)}." if parts else ""


def _agreement(table: pd.DataFrame, summary: str) -> Table:
    """The chosen summary between every two models, then the others within and across models."""
    rows: list[dict[str, Any]] = [
        row | {"pair": _pair(row)} for row in records(table) if row["summary"] == summary
    ]
    weighed = table.assign(kind=np.where(table.model_a == table.model_b, "same model", "other model"))
    for (name, kind), part in weighed[weighed.summary != summary].groupby(["summary", "kind"], sort=False):
        total = part.pairs.sum()
        means = {key: float((part[key] * part.pairs).sum() / total) for key in ("rank", "overlap")}
        lowest = {"lowest_rank": part.lowest_rank.min(), "seeds": part.seeds.min(), "pairs": total}
        rows.append({"summary": name, "pair": kind, **means, **lowest})
    return Table(
        (
            Column("summary", [row["summary"] for row in rows]),
            Column("between", [row["pair"] for row in rows]),
            Column("seeds", [row["seeds"] for row in rows], whole),
            Column("pairs", [row["pairs"] for row in rows], whole),
            Column("rank", [row["rank"] for row in rows], fixed(3)),
            Column("lowest", [row["lowest_rank"] for row in rows], fixed(3)),
            Column("overlap of the top", [row["overlap"] for row in rows], fixed(3)),
        )
    )


def _pair(row: Mapping[str, Any]) -> str:
    same = row["model_a"] == row["model_b"]
    return f"seeds of {row['model_a']}" if same else f"{row['model_a']} and {row['model_b']}"


def _seeds_table(seeds: pd.DataFrame) -> Table:
    return Table(
        (
            Column("model", seeds.model.tolist()),
            Column("m", seeds.seeds.tolist(), whole),
            Column("of", seeds.of.tolist(), whole),
            Column("overlap with all", seeds.with_all.tolist(), fixed(3)),
            Column("with m others", seeds.with_others.tolist(), fixed(3)),
        )
    )


def _ranks(same: SameLabels, summary: str) -> Figure:
    return figures.matrix(spearman_matrix(same.ranks(summary)), same.names, "Spearman")


def _overlaps(same: SameLabels, summary: str, top: float, label: str) -> Figure:
    ranks_RN = same.ranks(summary)
    return figures.matrix(overlap_matrix(ranks_RN, top_count(ranks_RN, top)), same.names, label)


def _seeds_picture(number: int, seeds: pd.DataFrame) -> Picture:
    curves = {}
    for model, part in seeds.groupby("model", sort=False):
        curves[f"{model}: with all"] = (part.seeds.tolist(), part.with_all.tolist())
        others = part[part.with_others.notna()]
        curves[f"{model}: with m others"] = (others.seeds.tolist(), others.with_others.tolist())
    chance = float(seeds.top.iloc[0] / seeds.examples.iloc[0])
    paint = partial(figures.lines, curves, "seeds m", "share of the top in common", chance)
    return Picture(f"seeds-{number}", "how many seeds a stable top needs", paint)
