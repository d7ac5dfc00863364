"""Are changed labels found among easy and hard examples alike? Detection by deciles of a reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest.analysis.aligned import Referenced, with_reference
from memest.analysis.averages import averaged, records, seeds_column, titled, told_apart
from memest.analysis.columns import covered_text, epochs_covered
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import AXES, groups, without_repeats
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.metrics import Floats, auroc
from memest.reports import figures
from memest.reports.sections import Picture, Section
from memest.reports.tables import Column, Table, number, whole

if TYPE_CHECKING:
    import pandas as pd

PARTS, SHOWN = 10, 10
_DRAWN = ("csl", "seen/csl", "aum", "mean_curvature", "first_learned", "final_loss")
_READING = (
    "Decile 1 holds the tenth of a run's examples that the reference calls easiest, under their labels "
    "before the corruption; examples it does not tell apart are kept in the order of their ids. AUROC "
    "compares the changed labels of a decile with the kept ones of the same decile; a decile without a "
    "changed or without a kept label is blank. Numbers are means over runs that differ in their training "
    "seed alone; positives are all of them together."
)


@ANALYSES.register
def detection_by_difficulty(runs: RunSet, *, reference: str) -> Finding:
    """AUROC of every summary within each decile of a reference, with the number of changed labels there.

    Args:
        runs: those without changed labels are left out.
        reference: its spec, such as `c_scores(path='cifar100-cscores-orig-order.npz')`.

    Raises:
        InputError: no such reference, or one that is not about a run's examples; says which run.
        NoRunsError: no run has changed labels.
    """
    found, pairs = with_reference(RunSet(without_repeats(runs)), reference)
    judged = [pair for pair in pairs if pair.run.summaries and 0 < pair.changed.mean() < 1]
    if not judged:
        raise NoRunsError.without(
            "changed labels to detect; train with --corruption 'symmetric_noise(rate=0.05)'", len(runs)
        )
    rows = difficulty_rows(judged)
    table = difficulty_table(rows)
    return Finding(
        title=f"Where are changed labels found? By deciles of {found.name}",
        tables={"difficulty": table, "difficulty_per_run": rows},
        sections=[
            _section(number, titled(str(title), part), part)
            for number, (title, part) in enumerate(table.groupby("group", sort=False))
        ],
        remark=remark(
            _READING,
            (pair.run for pair in judged),
            f"Reference: {reference}, SHA-256 {found.sha256}.",
        ),
        sources={"reference": found.sha256},
    )


def deciles(hardness: Floats, ids: NDArray[np.int64], parts: int = PARTS) -> NDArray[np.int64]:
    """The part, 1…`parts`, of each example by rank of hardness, (N,); equal ones in the order of ids."""
    place = np.empty(len(hardness), np.int64)
    place[np.lexsort((ids, hardness))] = np.arange(len(hardness))
    return place * parts // len(hardness) + 1


def difficulty_rows(judged: Sequence[Referenced]) -> pd.DataFrame:
    """One row per run, summary and decile.

    Columns: those of `groups.AXES`, seed, run, summary, label, covers, decile, examples, members, positives,
    auroc (NaN in a decile without changed or without kept labels).
    """
    import pandas as pd

    of = {pair.run.id: pair for pair in judged}
    rows = [
        group.axes | row
        for group in groups(pair.run for pair in judged)
        for run in group.runs
        for row in _rows(of[run.id])
    ]
    return told_apart(pd.DataFrame(rows), ["group"], "summary")


def difficulty_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group, summary and decile: mean AUROC over seeds, positives of all of them together."""
    return averaged(
        rows,
        [*AXES, "summary", "label", "decile"],
        positives=("positives", "sum"),
        auroc=("auroc", "mean"),
        lowest=("auroc", "min"),
        highest=("auroc", "max"),
    )


def _rows(pair: Referenced) -> Iterable[dict[str, object]]:
    run = pair.run
    decile = deciles(pair.hardness, run.summary["id"])
    for name, values in pair.suspicions().items():
        covers = covered_text(epochs_covered(run, name))
        for part in range(1, PARTS + 1):
            changed = pair.changed[decile == part]
            positives = int(changed.sum())
            both = 0 < positives < len(changed)
            yield {
                "seed": run.tags.get("seed", ""),
                "run": run.id,
                "summary": name,
                "covers": covers,
                "decile": part,
                "examples": len(decile),
                "members": len(changed),
                "positives": positives,
                "auroc": auroc(values[decile == part], changed) if both else np.nan,
            }


def _table(part: pd.DataFrame) -> Table:
    """AUROC by decile, the best mean first, below the number of changed labels; fewer seeds last."""
    wide = part.pivot(index="label", columns="decile", values="auroc")
    seeds = part.groupby("label").seeds.max()
    order = wide.assign(fewer=seeds < seeds.max(), mean=wide.mean(axis=1))
    best = list(order.sort_values(["fewer", "mean"], ascending=[True, False]).index)
    counts = part.groupby("decile").positives.max()
    deciles = [
        Column(str(decile), [int(counts[decile]), *wide.loc[best, decile]], number(3))
        for decile in wide.columns
    ]
    rests = seeds_column(part.drop_duplicates("label").set_index("label").loc[best])
    rests = [Column(column.name, [None, *column.values], whole) for column in rests]
    return Table((Column("AUROC by decile", ["positives", *best]), *rests, *deciles))


def _section(number: int, title: str, part: pd.DataFrame) -> Section:
    lines = {
        str(label): rows.sort_values("decile").auroc.to_numpy(float)
        for label, rows in part[part.summary.isin(_drawn(part))].groupby("label", sort=False)
    }
    edges = np.arange(PARTS + 1) + 0.5
    label = "decile of the reference, 10 the hardest"
    paint = partial(figures.binned, edges, lines, label, "AUROC in the decile")
    caption = "Mean AUROC over seeds; a gap has no changed label"
    picture = Picture(f"difficulty-{number}", caption, paint)
    table = _table(part)
    return Section(title, table, [picture], said=_answer(part), first=_first(table))


def _first(table: Table) -> list[int]:
    """Places of the rows that are shown at once: the numbers of changed labels, the best, and the drawn."""
    return [place for place, name in enumerate(table.columns[0].values) if place <= SHOWN or name in _DRAWN]


def _answer(part: pd.DataFrame) -> str:
    """How well csl finds changed labels among easy and among hard examples, and what is best over all."""
    known = part.dropna(subset=["auroc"]).sort_values("decile")
    if known.empty:
        return "No decile has both changed and kept labels: nothing can be compared."
    means = known.groupby("label", sort=False).auroc.mean()
    best = str(means.idxmax())
    csl = known[known.summary == "csl"]
    label = str(csl.label.iloc[0]) if len(csl) else best
    easy, hard = (records(known[known.label == label])[place] for place in (0, -1))
    said = (
        f"{label} finds changed labels with AUROC {easy['auroc']:.3f} among the easiest examples that have "
        f"any (decile {easy['decile']}) and {hard['auroc']:.3f} among the hardest (decile {hard['decile']})."
    )
    if label == best:
        return f"{said} No other summary has a higher mean over the deciles."
    return f"{said} Highest mean over the deciles: {best} {means[best]:.3f} ({label}: {means[label]:.3f})."


def _drawn(part: pd.DataFrame) -> list[str]:
    present = list(part.summary.unique())
    return [name for name in _DRAWN if name in present] or present[:6]
