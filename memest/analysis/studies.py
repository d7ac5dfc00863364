"""The one evaluation of methods that find changed labels: rows, means over seeds, tables and figures of them.

    studies → rows (one per seed and method) → table (one per study and method)

`detection` shows it run by run, the tables of a paper by corruption.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from memest.analysis.averages import averaged, highest_first, records, seeds_column, told_apart
from memest.analysis.evaluated import Judged, rows, stored
from memest.analysis.groups import AXES
from memest.analysis.matched_runs import MatchedRuns, Methods, Study
from memest.analysis.runset import in_turns
from memest.reports.intervals import Bar, intervals
from memest.reports.sections import Picture
from memest.reports.tables import Column, Table, ends, fixed, p_value, signed

if TYPE_CHECKING:
    import pandas as pd

Judge = Callable[[MatchedRuns, Methods], Mapping[str, Judged]]
Chosen = Callable[[MatchedRuns], Methods]
BARS = 20
"""A figure has so many methods at most, the best."""
LEVEL = 0.05
"""An upper bound of p above it says nothing."""


def judge_stored(matched: MatchedRuns, methods: Methods) -> Mapping[str, Judged]:
    """What matched runs stored of their methods."""
    return stored(methods)


def judged_rows(found: Sequence[Study], chosen: Chosen, judge: Judge = judge_stored) -> pd.DataFrame:
    """One row per seed and method.

    Columns: those of `groups.AXES` and of `evaluated.rows`, `made` (in what the method's own run differs from
    others of the study) and `label`, the method with what tells it apart. Empty where nothing was judged.

    Args:
        chosen: the methods of matched runs.
        judge: how well they do.
    """
    import pandas as pd

    pairs = [(study, matched) for study in found for matched in study.matched]
    ids = [matched.lead.id for _, matched in pairs]
    methods = dict(zip(ids, in_turns(lambda pair: chosen(pair[1]), pairs), strict=True))
    made = [study.made([methods[matched.lead.id] for matched in study.matched]) for study in found]
    made_of = {
        matched.lead.id: of for study, of in zip(found, made, strict=True) for matched in study.matched
    }

    def judged(pair: tuple[Study, MatchedRuns]) -> list[dict[str, Any]]:
        (study, matched), own = pair, methods[pair[1].lead.id]
        return [
            {**study.group.axes, **row, "made": made_of[matched.lead.id][row["method"], row["run"]]}
            for row in rows(matched, own, judge(matched, own))
        ]

    table = pd.DataFrame(chain.from_iterable(in_turns(judged, pairs)))
    return table if table.empty else told_apart(table, ["group"], "method")


def judged_table(judged: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """One row per study and method: means over training seeds; best mean AUROC first, fewer seeds below.

    Args:
        by: further columns whose values are not averaged over.
    """
    table = averaged(
        judged,
        [*AXES, *by, "method", "label"],
        auroc=("auroc", "mean"),
        spread=("auroc", "std"),
        lowest=("auroc", "min"),
        highest=("auroc", "max"),
        average_precision=("average_precision", "mean"),
        fpr95=("fpr95", "mean"),
        precision=("precision", "mean"),
        positives=("positives", "max"),
        examples=("examples", "max"),
        minus_csl=("minus_csl", "mean"),
        least_minus_csl=("minus_csl", "min"),
        most_minus_csl=("minus_csl", "max"),
        largest_p_vs_csl=("p_vs_csl", "max"),
        p_is_bound=("p_is_bound", "any"),
        seconds=("seconds", "mean"),
        label_draws=("labels", "nunique"),
    )
    return highest_first(table, [*AXES, *by], "auroc")


def method_columns(part: pd.DataFrame, names: Sequence[str], heading: str = "method") -> Table:
    """The table of one study: a row per method.

    Args:
        names: of the methods, as the table shows them.
        heading: of their column.
    """
    return Table(
        (
            Column(heading, names),
            *seeds_column(part),
            Column("AUROC", part.auroc.tolist(), fixed(4)),
            *(
                [Column("over seeds", _pairs(part, "lowest", "highest"), ends)]
                if part.seeds.max() > 1
                else []
            ),
            Column("AP", part.average_precision.tolist(), fixed(3)),
            Column("FPR95", part.fpr95.tolist(), fixed(3)),
            Column(f"P@{int(part.positives.max())}", part.precision.tolist(), fixed(3)),
            Column("− csl", part.minus_csl.tolist(), signed(4)),
            Column("p", p_values(part), p_value),
        )
    )


def p_values(part: pd.DataFrame) -> list[Any]:
    """The largest p of each method against csl, with whether it is a bound, where that says something.

    Not where the difference has both signs over the seeds, or a bound lies above .05.
    """
    pairs = _pairs(part, "largest_p_vs_csl", "p_is_bound")
    return [pair if _telling(row) else (None, False) for pair, row in zip(pairs, records(part), strict=True)]


def _telling(row: dict[str, Any]) -> bool:
    one_sign = row["least_minus_csl"] * row["most_minus_csl"] > 0
    return bool(one_sign and (not row["p_is_bound"] or row["largest_p_vs_csl"] < LEVEL))


def auroc_picture(
    name: str,
    caption: str,
    part: pd.DataFrame,
    judged: pd.DataFrame,
    shown: Callable[[str], str] = str,
    published: Mapping[str, float] | None = None,
    folded: bool = False,
) -> Picture:
    """AUROC of each seed with its interval, best method on top.

    Args:
        part: one row per method, best first.
        judged: the rows that it is the mean of.
        shown: how a label is written.
        published: by label, the value of a publication.
        folded: shown when the reader asks for it.
    """
    best = [str(label) for label in part.label][:BARS]
    more = f", the first {BARS} of {len(part)}" if len(part) > BARS else ""
    caption = f"{caption}: AUROC of each seed with its 95 % interval{more}"
    seeds: dict[str, dict[str, Bar]] = {label: {} for label in best}
    for row in records(judged):
        if row["label"] in seeds:
            seeds[row["label"]][f"seed {row['seed']}"] = row["auroc"], row["low"], row["high"]
    bars = [(shown(label), values) for label, values in seeds.items()]
    theirs = {shown(label): value for label, value in (published or {}).items()}
    return Picture(name, caption, partial(intervals, bars, "AUROC", theirs), folded)


def _pairs(part: pd.DataFrame, one: str, other: str) -> list[tuple[Any, Any]]:
    return list(zip(part[one].tolist(), part[other].tolist(), strict=True))
