"""Means over the training seeds of a group: a row says how many it rests on, and in what it differs.

per-run rows → told_apart → averaged → ranked
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memest.analysis.groups import how_many
from memest.reports.tables import Column, whole

if TYPE_CHECKING:
    import pandas as pd


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as mappings by column, in Python's own types."""
    names, columns = [str(name) for name in frame], [frame[name].tolist() for name in frame]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def told_apart(rows: pd.DataFrame, by: Sequence[str], name: str) -> pd.DataFrame:
    """The rows with a column `label`: the method's name, and in what its runs differ if they do.

    Args:
        rows: with the columns `covers` (the epochs a value is made from, in words) and, where other runs than
            the group's may have made it, `made` (in what such a run differs from others of the method).
        by: columns of the group.
        name: the column of the method.
    """
    ways = [way for way in ("made", "covers") if way in rows]
    labels = rows[name].astype(str)
    for _, same in rows.groupby([*by, name], sort=False):
        parts = [same[way] for way in ways if same[way].nunique() > 1]
        for place in same.index if parts else ():
            more = ", ".join(filter(None, (str(part[place]) for part in parts))) or "not measured alike"
            labels[place] = f"{labels[place]} ({more})"
    return rows.assign(label=labels)


def averaged(rows: pd.DataFrame, by: Sequence[str], **columns: tuple[str, Any]) -> pd.DataFrame:
    """One row for each `by`: the aggregated columns, and over which training seeds and runs.

    Args:
        rows: one per run, with the columns `seed` and `run`; a seed counts once for each `by`.
        columns: as `DataFrame.agg` takes them.
    """
    table = rows.groupby(list(by), sort=True).agg(
        seeds=("seed", "nunique"), **columns, runs=("run", lambda ids: ", ".join(dict.fromkeys(ids)))
    )
    return table.reset_index()


def highest_first(table: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Within each `by` the highest first; below these, what rests on fewer seeds than others do."""
    fewer = table.seeds < table.groupby(list(by), sort=False).seeds.transform("max")
    order = table.assign(fewer=fewer)
    ascending = [*(True for _ in by), True, False]
    return order.sort_values([*by, "fewer", value], ascending=ascending, ignore_index=True).drop(
        columns="fewer"
    )


def titled(group: str, table: pd.DataFrame, noun: str = "run") -> str:
    """The title of a group's section: over how many runs, each of a seed, its rows are means at most."""
    return f"{group}, {how_many(int(table.seeds.max()), noun)}"


def seeds_column(table: pd.DataFrame) -> list[Column]:
    """The column that says over how many seeds each row is a mean; none where all rest on one."""
    return [Column("seeds", table.seeds.tolist(), whole)] if table.seeds.max() > 1 else []
