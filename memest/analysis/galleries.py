"""What the most and the least memorized examples of each class look like, with both labels.

runs of the same labels → mean rank over seeds → per class the highest and the lowest → pictures
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.averages import records
from memest.analysis.consensus import consensus
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import covering, groups, how_many
from memest.analysis.images import examples_figure
from memest.analysis.matched_runs import STANDARD
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.grammar.values import Count
from memest.ids import Ids
from memest.reports.sections import Picture, Section
from memest.reports.tables import Column, Table

if TYPE_CHECKING:
    import pandas as pd

HIGHEST, LOWEST = "highest", "lowest"


@ANALYSES.register
def galleries(runs: RunSet, *, summary: str = "csl", count: Count = 5, classes: Count = 10) -> Finding:
    """The examples of each given label that runs rank highest and lowest, as tables and pictures.

    Args:
        summary: what ranks them.
        count: how many of each end of a class.
        classes: how many classes are shown, the first ones.

    Raises:
        NoRunsError: no run has the summary.
    """
    import pandas as pd

    standard = [run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD]
    tables: list[pd.DataFrame] = []
    sections: list[Section] = []
    used: list[RunRecord] = []
    for group in groups(standard, same_labels=True):
        having = [run for run in group.runs if summary in run.summaries]
        for covers, alike in covering(having, summary):
            title = ", ".join(filter(None, [group.title, covers, how_many(len(alike), "run")]))
            table = extremes(alike, summary, count, classes)
            tables.append(table.assign(**group.axes).assign(group=title, seeds=len(alike)))
            pictures = _pictures(len(sections), alike, table, summary)
            sections.append(Section(title, _table(table), pictures, said=_answer(table, summary)))
            used += alike
    if not tables:
        raise NoRunsError.without(f"{summary!r} to choose examples by", len(runs))
    return Finding(
        title=f"Examples of highest and lowest {summary}",
        tables={"galleries": pd.concat(tables, ignore_index=True)},
        sections=sections,
        remark=remark("By the mean rank over runs of the same labels that differ in their seed alone.", used),
    )


def extremes(runs: RunSet, summary: str, count: int, classes: int) -> pd.DataFrame:
    """One row per example shown: end, id, both labels, changed, mean rank (1: the highest of every run).

    Args:
        runs: one group, all of one set of labels.
        count: of each end; fewer if a class is smaller than both ends, so that all rows are equally long.
    """
    import pandas as pd

    ids, rank = consensus(runs, summary)
    facts = runs[0].read(["id", "label", "original_label", "changed"])
    place = Ids(facts["id"], f"run {runs[0].id}").locate(ids)
    names = runs[0].sheet.manifest.header.classes
    shown = [np.flatnonzero(facts["label"][place] == label) for label in range(min(classes, len(names)))]
    few = min([count, *(len(mine) // 2 for mine in shown if len(mine) > 1)])
    rows: list[dict[str, Any]] = []
    for label, mine in enumerate(shown):
        for end, chosen in ((HIGHEST, mine[:few]), (LOWEST, mine[::-1][:few])):
            rows += [
                {
                    "end": end,
                    "id": int(ids[n]),
                    "label": names[label],
                    "original_label": names[facts["original_label"][place[n]]],
                    "changed": bool(facts["changed"][place[n]]),
                    "rank": float(rank[n]),
                }
                for n in chosen
            ]
    return pd.DataFrame(rows)


def _pictures(number: int, runs: RunSet, table: pd.DataFrame, summary: str) -> list[Picture]:
    """The examples of each end, a class in a row."""
    columns = int(table.groupby(["label", "end"]).size().max())
    return [
        Picture(
            f"{end}-{number}",
            f"{end} {summary}, a class in a row; red: the label had been changed",
            partial(examples_figure, runs[0], table[table.end == end].id.tolist(), columns),
        )
        for end in (HIGHEST, LOWEST)
    ]


def _answer(table: pd.DataFrame, summary: str) -> str:
    """How many of the examples at each end have a changed label."""
    high, low = (table[table.end == end] for end in (HIGHEST, LOWEST))
    said = f"Of the {len(high):,} examples that {summary} ranks highest, each class apart"
    if not table.changed.any():
        return f"{said}, and of the {len(low):,} lowest, no label was changed on purpose."
    return (
        f"{said}, {int(high.changed.sum()):,} have a label that was changed on purpose; "
        f"of the {len(low):,} lowest {int(low.changed.sum()):,}."
    )


def _table(table: pd.DataFrame) -> Table:
    """How often each end of each class holds a changed label, and which ids it holds."""
    ends = [
        (str(label), str(end), part) for (label, end), part in table.groupby(["label", "end"], sort=False)
    ]
    ids = [
        ", ".join(f"{row['id']}{'*' if row['changed'] else ''}" for row in records(part)) for *_, part in ends
    ]
    return Table(
        (
            Column("class", [label for label, *_ in ends]),
            Column("end", [end for _, end, _ in ends]),
            Column("changed", [f"{int(part.changed.sum())} of {len(part)}" for *_, part in ends]),
            Column("ids (*: changed)", ids),
        )
    )
