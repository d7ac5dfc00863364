"""What the most and the least memorized examples of each class look like, with both labels.

    runs of the same labels → mean rank over runs → per class the highest and the lowest → pictures

The pictures are painted by whoever has the images. Depends on `detection`, numpy, pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.detection import consensus
from memest.analysis.finding import ANALYSES, Cells, Finding, Gallery, Section
from memest.analysis.frames import records
from memest.analysis.runset import RunSet
from memest.analysis.trials import STANDARD
from memest.errors import NoRunsError
from memest.grammar.values import Count
from memest.ids import Ids

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

    tables, sections, shown = [], [], []
    standard = RunSet([run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD])
    for number, (_, same) in enumerate(standard.group_by("fingerprint")):
        having = RunSet([run for run in same if summary in run.summaries])
        if not having:
            continue
        table = extremes(having, summary, count, classes)
        tables.append(table.assign(fingerprint=having[0].tags.get("fingerprint", "")))
        title = _title(having)
        sections.append(Section(title, _cells(table), dict))
        for end in (HIGHEST, LOWEST):
            ids = table[table.end == end].id.tolist()
            caption = f"{title}: {end} {summary}, a class in a row; red: the label had been changed"
            columns = int(table.groupby(["label", "end"]).size().max())
            shown.append(Gallery(f"{end}-{number}", caption, having, ids, columns))
    if not tables:
        raise NoRunsError(f"none of the {len(runs)} runs has {summary!r} to choose examples by")
    return Finding(
        title=f"Examples of highest and lowest {summary}",
        tables={"galleries": pd.concat(tables, ignore_index=True)},
        sections=sections,
        remark=f"By the mean rank over runs of the same labels. Runs: {', '.join(run.id for run in runs)}.",
        galleries=shown,
    )


def extremes(runs: RunSet, summary: str, count: int, classes: int) -> pd.DataFrame:
    """One row per example shown: end, id, both labels, changed, mean rank (1: the highest of every run).

    Args:
        runs: all of one fingerprint.
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


def _title(runs: RunSet) -> str:
    tags = runs[0].tags
    count = f"{len(runs)} run{'s' if len(runs) > 1 else ''}"
    return f"{tags['dataset']}, {tags['corruption']}, labels {tags['fingerprint'][:8]}…, {count}"


def _cells(table: pd.DataFrame) -> Cells:
    """How often each end of each class holds a changed label, and which ids it holds."""
    rows = []
    for (label, end), part in table.groupby(["label", "end"], sort=False):
        ids = ", ".join(f"{row['id']}{'*' if row['changed'] else ''}" for row in records(part))
        rows.append([str(label), str(end), f"{int(part.changed.sum())} of {len(part)}", ids])
    return ["class", "end", "changed", "ids (*: changed)"], rows
