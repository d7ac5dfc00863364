"""The run that the trials of a search lie under: shared by all workers, sealed by the one that ends last."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from memest.errors import BusyError, NoRunsError
from memest.grammar.config import digest
from memest.tracking import About, Opened, bare, get_run, lost_runs, open_run, several_runs
from memest.tune.search import Search

if TYPE_CHECKING:
    from optuna.study import Study

_PATIENCE = 2.0
"""Seconds between two tries while another worker opens the run of the search."""


def about_search(search: Search, settings: Mapping[str, Any], study: str, trials: int) -> About:
    """The description of a search.

    Args:
        search: what is varied and aimed at.
        settings: of the command.
        study: its name.
        trials: in all.
    """
    aims = " and ".join(f"{objective.direction} {objective.name}" for objective in search.objectives)
    varied = {**search.space.drawn, **search.space.filled}
    lines = [f"- `{name}`: `{how}`" for name, how in varied.items()]
    return About(
        stage="tune",
        key=digest(settings, search.definition, study),
        name=f"tune {', '.join(search.space.drawn)}",
        settings=settings,
        tags={"study": study},
        note=f"{trials} trials of study `{study}`, to {aims}:\n\n" + "\n".join(lines),
    )


def parent_run(study: Study, about: About, client: Any, experiment: str) -> str:
    """The id of the run of a search: begun by the worker that comes first, and left open."""
    uri = str(client.tracking_uri)
    place = f"run {about.key[:16]} {bare(uri)} {experiment}"
    known = study.user_attrs.get(place)
    if known and _exists(client, known):
        with several_runs() as conclude:
            conclude(known)
        return str(known)
    with opened_alone(about, uri, experiment) as opened:
        study.set_user_attr(place, opened.run.id)
    return opened.run.id


@contextmanager
def opened_alone(about: About, uri: str, experiment: str) -> Iterator[Opened]:
    """`open_run`, once no other worker is in it."""
    while True:
        try:
            with open_run(about, uri, experiment) as opened:
                yield opened
            return
        except BusyError:
            time.sleep(_PATIENCE)


def _exists(client: Any, run_id: str) -> bool:
    """Whether a run was not deleted since, nor its artifacts."""
    try:
        run = get_run(client, run_id)
        return bool(run.info.lifecycle_stage == "active" and not lost_runs(client, [run]))
    except NoRunsError:
        return False
