"""How alike are the scores and a published reference, and how alike would nothing be?

    runs → rows (run × summary × set) → table (group × summary × set) → sections of a report

Every number stands beside two baselines that know nothing, a constant vector and a permutation, and
beside what the score has in common with itself under another seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from memest.analysis.aligned import with_reference
from memest.analysis.averages import records, seeds_column, titled
from memest.analysis.bins import binned_means, unit
from memest.analysis.columns import epochs_covered
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import without_repeats
from memest.analysis.runset import RunSet
from memest.analysis.similarity_rows import (
    CONSTANT,
    DRAWS,
    PERMUTATION,
    SETS,
    Measured,
    reliability,
    similarity_rows,
    similarity_table,
)
from memest.errors import NoRunsError
from memest.grammar.spec import Spec
from memest.grammar.values import Index
from memest.references import Reference
from memest.reports import figures
from memest.reports.sections import Picture, Section
from memest.reports.tables import Column, Table, fixed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BINS = 15
SHOWN = 12
_DRAWN = ("csl", "final_loss", "mean_curvature", "loss_sensitivity", "forgetting_count(never=raw)", "aum")
_COLUMNS = {
    "cosine": "cosine",
    "shuffled": "shuffled",
    "raw": "raw",
    "pearson": "Pearson",
    "spearman": "Spearman",
    "seeds_pearson": "seeds' Pearson",
    "seeds_spearman": "seeds' Spearman",
}
_READING = (
    "Every summary is turned so that higher is harder and stretched to [0, 1] over a run's examples: "
    "(v − min) / (max − min), or (max − v) / (max − min) where lower is harder; the cosine depends on that, "
    "Pearson and Spearman do not. Raw: the cosine of the values as they are, where they are not negative and "
    "higher is harder. Nothing is centred in a cosine, so read it beside the rows constant and permutation "
    "(of the reference, mean of {draws} draws) and beside shuffled, what the summary's own values would have "
    "on average in a random order. Top: the {top} hardest by the reference; statistics and baselines are of "
    "that set alone. Seeds: the correlation of a summary with itself between runs that differ in their seed "
    "alone, r; no reference can be expected to correlate with it by more than √r. Forgetting counts are raw: "
    "an example never learned has 0. Examples whose label or image was changed are left out, unless the "
    "reference is about the labels that were given: {left_out}. Numbers are means over "
    "runs that differ in their training seed alone."
)


@ANALYSES.register
def similarity(runs: RunSet, *, reference: str, top: Index = 0) -> Finding:
    """Cosine, Pearson and Spearman of every summary with a reference, over all and over its hardest.

    Args:
        runs: their labels before corruption must be those of the reference.
        reference: its spec, such as `c_scores(path='cifar100-cscores-orig-order.npz')`.
        top: how many of the hardest by the reference make the second set; 0: a tenth.

    Raises:
        InputError: no such reference, or one that is not about a run's examples; says which run.
        NoRunsError: no run has a summary.
    """
    found, pairs = with_reference(RunSet(without_repeats(runs)), reference)
    measured = [Measured.of(pair, top) for pair in pairs if pair.run.summaries]
    if not measured:
        raise NoRunsError.without(f"a summary to compare with {found.name}", len(runs))
    rows = similarity_rows(measured)
    table = similarity_table(rows, reliability(measured, rows))
    left_out = ", ".join(f"{int(m.pair.apart.sum()):,} of run {m.pair.run.id}" for m in measured)
    sizes = ", ".join(sorted({f"{len(m.top):,}" for m in measured}))
    return Finding(
        title=f"How alike are the scores and {found.name}?",
        tables={"similarity": table, "similarity_per_run": rows.assign(reference=Spec.parse(reference).name)},
        sections=list(_sections(table, rows, measured, found)),
        remark=remark(
            _READING.format(draws=DRAWS, top=sizes, left_out=left_out),
            (m.pair.run for m in measured),
            f"Reference: {reference}, SHA-256 {found.sha256}.",
        ),
        sources={"reference": found.sha256},
    )


def _sections(
    table: pd.DataFrame, rows: pd.DataFrame, measured: Sequence[Measured], found: Reference
) -> Iterator[Section]:
    """For each group a section over all examples, with the figure, and one over the hardest."""
    for number, (title, part) in enumerate(table.groupby("group", sort=False)):
        ids = set(rows[rows.group == title].run)
        mine = [one for one in measured if one.pair.run.id in ids]
        for which in SETS:
            chosen = part[part.set == which]
            size = f"{chosen.k.max():,}"
            label = f"all {size} examples" if which == "all" else f"the {size} hardest by the reference"
            pictures = [_picture(number, mine, found)] if which == "all" else []
            heading = f"{titled(str(title), chosen)}: {label}"
            said = _answer(chosen, found.name)
            yield Section(heading, _table(chosen), pictures, said=said, first=_first(chosen))


def _first(part: pd.DataFrame) -> list[int]:
    """Places of the rows that are shown at once: the most alike, and the baselines they are read beside."""
    return [
        place
        for place, name in enumerate(part["summary"])
        if place < SHOWN or name in (CONSTANT, PERMUTATION)
    ]


def _answer(part: pd.DataFrame, reference: str) -> str:
    """The summary most like the reference by rank correlation, beside its own between seeds."""
    rows = [row for row in records(part) if row["spearman"] > -1]  # a constant has none
    if not rows:
        return ""
    best = max(rows, key=lambda row: float(row["spearman"]))
    between = best["seeds_spearman"]
    own = f" (between its own seeds {between:.3f})" if between > -1 else ""
    return f"Most like {reference} in rank: {best['label']}, Spearman {best['spearman']:.3f}{own}."


def _table(part: pd.DataFrame) -> Table:
    values = (Column(shown, part[name].tolist(), fixed(3)) for name, shown in _COLUMNS.items())
    return Table((Column("summary", part.label.tolist()), *seeds_column(part), *values))


def _picture(number: int, mine: Sequence[Measured], found: Reference) -> Picture:
    caption = f"Mean of each summary, stretched to [0, 1], in {BINS} equal bins of the reference"
    return Picture(f"similarity-{number}", caption, partial(_binned, mine, found))


def _binned(mine: Sequence[Measured], found: Reference) -> Figure:
    """A few summaries over the examples of all the runs of one group together."""
    hardness = np.concatenate([one.hardness for one in mine])
    stretched = hardness.min() < 0 or hardness.max() > 1
    at, edges = unit(hardness) if stretched else hardness, np.linspace(0, 1, BINS + 1)
    lines = {
        name: binned_means(at, np.concatenate([one.measures[name].values for one in mine]), edges)[0]
        for name in _drawn(mine)
    }
    label = f"hardness by {found.name}" + (", stretched to [0, 1]" if stretched else "")
    return figures.binned(edges, lines, label, "mean of the summary, stretched to [0, 1]")


def _drawn(mine: Sequence[Measured]) -> list[str]:
    """A few of the summaries that all of the runs have and measured alike."""
    first = mine[0].measures
    shared = [
        name
        for name, measure in first.items()
        if all(name in one.measures for one in mine)
        and len({epochs_covered(one.pair.run, measure.column) for one in mine}) == 1
    ]
    return [name for name in _DRAWN if name in shared] or shared[:6]
