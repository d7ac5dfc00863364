"""The report of a search that is over: tables, figures, and the best trials as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from memest.reports import figures
from memest.reports.text import aligned
from memest.tracking import Run
from memest.tune import results
from memest.tune.search import Search

if TYPE_CHECKING:
    from optuna.study import Study

REPORT = "report.txt"
_SHOWN = 10


def write_report(run: Run, study: Study, search: Search, trials: int) -> None:
    """Write tables, figures and the best values into the run of the search.

    Args:
        run: of the search.
        study: that is over.
        search: what was varied and aimed at.
        trials: in all; the step of the metrics.
    """
    ended, best = results.ended(study), results.best(study)
    run.table("tables/trials", results.table(search.objectives, ended))
    run.table("tables/best", results.table(search.objectives, best))
    for name, figure in results.pictures(study, search.objectives):
        run.blobs.put(f"figures/{name}.png", figures.png(figure))
    if len(search.objectives) == 1 and best:
        run.log_metrics(trials, {f"best/{_slug(search.objectives[0].name)}": best[0].values[0]})
    run.blobs.put(REPORT, report_text(study, search).encode())


def report_text(study: Study, search: Search) -> str:
    """The best trials for a terminal, and how many of each kind there were."""
    ended, best = results.ended(study), results.best(study)
    states = [trial.state.name.lower() for trial in ended]
    kinds = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    if not best:
        return f"{len(ended)} trials ({kinds}): none was completed; the table of trials says why"
    columns = results.table(search.objectives, best[:_SHOWN])
    shown = [name for name in columns if name not in ("state", "why")]
    rows = [list(map(_cell, row)) for row in zip(*(columns[name] for name in shown), strict=True)]
    title = "the best trial" if len(search.objectives) == 1 else f"the {len(best)} trials that no other beats"
    return f"{len(ended)} trials ({kinds}); {title}:\n{aligned(shown, rows)}"


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _slug(name: str) -> str:
    return re.sub(r"[^\w./-]+", "-", name).strip("-")
