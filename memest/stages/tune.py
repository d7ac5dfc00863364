"""Search for settings with Optuna: trials are training runs under one parent, shared by several workers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from memest.analysis.finding import aligned
from memest.errors import BusyError, NoRunsError
from memest.grammar.config import digest, key_settings
from memest.reports import figures
from memest.runs.tracked import server_uri
from memest.stages.config import TuneConfig
from memest.stages.protocol import train_protocol
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import (
    SEALED,
    About,
    Opened,
    Run,
    at_work_under,
    bare,
    children_of,
    connect,
    get_run,
    home,
    lost_runs,
    open_run,
    several_runs,
)
from memest.tune import (
    PRUNERS,
    finished,
    open_study,
    others_at_work,
    outcome,
    require_optuna,
    sampler_by_trial,
)
from memest.tune.search import HARMLESS, Search, Trials

if TYPE_CHECKING:
    from optuna.study import Study

REPORT = "report.txt"
_SHOWN = 10
_PATIENCE = 2.0
"""Seconds between two tries while another worker opens the run of the search."""


def tune(config: TuneConfig) -> str:
    """Make the trials that are missing, and say which are best; the worker that ends last writes it down.

    Raises:
        InputError: the search cannot be made, or its study is of another search.
    """
    require_optuna()
    uri = server_uri(config.run.tracking)
    search = Search.checked(config.space, config.objectives, config.pruner, config.run)
    client = connect(uri)
    study = _study(config, search)
    about = _about(config, search, study.study_name)
    parent = _parent(study, about, client, config.run.experiment)
    run = get_run(client, parent)
    if run.data.tags.get("memest.state") != SEALED:
        experiment = client.get_experiment(run.info.experiment_id).name
        trials = Trials(search, study, partial(_metrics, client), experiment, train_protocol)
        with children_of(parent), at_work_under(client, parent, partial(others_at_work, study)):
            _optimize(config, study, trials)
        if finished(study) < config.trials:
            return f"{finished(study)} of {config.trials} trials are done; other workers are at the others"
        with (
            children_of(""),
            _opened(about, uri, experiment) as opened,
        ):  # where the parent is, not a given run
            if not opened.done:
                _report(opened.run, study, search, config.trials)
                opened.run.seal({})
    text = ArtifactBlobs(client, parent, home() / "cache").get(REPORT).decode()
    return f"{text}\n\ntables and figures are in run {parent}"


def _study(config: TuneConfig, search: Search) -> Study:
    """The study of the search, named by what it is unless it has a name."""
    name = config.study
    if name == "auto":
        how = (config.sampler, config.pruner, config.search_seed)
        name = f"tune-{digest(search.definition, *how)[:8]}"
    url = config.storage
    if url == "auto":
        home().mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{(home() / 'studies.db').absolute()}"
    directions = [goal.direction for goal in search.goals]
    sampler = sampler_by_trial(config.sampler, config.search_seed)
    return open_study(url, name, search.definition, directions, sampler, PRUNERS.call(config.pruner))


def _metrics(client: Any, run: str) -> dict[str, float]:
    """The latest value of each metric of a run."""
    return dict(get_run(client, run).data.metrics)


def _optimize(config: TuneConfig, study: Study, trials: Trials) -> None:
    """Trials until there are enough, those that other workers are at counted."""

    def enough() -> bool:
        return finished(study, running=True) >= config.trials

    if not enough():
        study.optimize(trials, callbacks=[lambda *_: study.stop() if enough() else None], catch=HARMLESS)


def _about(config: TuneConfig, search: Search, name: str) -> About:
    aims = " and ".join(f"{goal.direction} {goal.name}" for goal in search.goals)
    lines = [
        f"- `{varied}`: `{how}`" for varied, how in {**search.space.drawn, **search.space.filled}.items()
    ]
    return About(
        stage="tune",
        key=digest(key_settings(config), search.definition, name),
        name=f"tune {', '.join(search.space.drawn)}",
        settings=key_settings(config),
        tags={"study": name},
        note=f"{config.trials} trials of study `{name}`, to {aims}:\n\n" + "\n".join(lines),
    )


def _parent(study: Study, about: About, client: Any, experiment: str) -> str:
    """The id of the run that the trials lie under: begun by the worker that comes first, and left open."""
    uri = str(client.tracking_uri)
    place = f"run {about.key[:16]} {bare(uri)} {experiment}"
    known = study.user_attrs.get(place)
    if known and _there(client, known):
        with several_runs() as conclude:
            conclude(known)
        return str(known)
    with _opened(about, uri, experiment) as opened:
        study.set_user_attr(place, opened.run.id)
    return opened.run.id


def _there(client: Any, run_id: str) -> bool:
    """Whether a run was not deleted since, nor its artifacts."""
    try:
        run = get_run(client, run_id)
        return bool(run.info.lifecycle_stage == "active" and not lost_runs(client, [run]))
    except NoRunsError:
        return False


@contextmanager
def _opened(about: About, uri: str, experiment: str) -> Iterator[Opened]:
    """`open_run`, once no other worker is in it."""
    while True:
        try:
            with open_run(about, uri, experiment) as opened:
                yield opened
            return
        except BusyError:
            time.sleep(_PATIENCE)


def _report(run: Run, study: Study, search: Search, trials: int) -> None:
    """Tables, figures and the best values of a search that is over."""
    ended, best = outcome.ended(study), outcome.best(study)
    run.table("tables/trials", outcome.table(search.goals, ended))
    run.table("tables/best", outcome.table(search.goals, best))
    for name, figure in outcome.pictures(study, search.goals):
        run.blobs.put(f"figures/{name}.png", figures.png(figure))
    if len(search.goals) == 1 and best:
        run.metrics(trials, {f"best/{_slug(search.goals[0].name)}": best[0].values[0]})
    run.blobs.put(REPORT, report_text(study, search).encode())


def report_text(study: Study, search: Search) -> str:
    """The best trials for a terminal, and how many of each kind there were."""
    ended, best = outcome.ended(study), outcome.best(study)
    states = [trial.state.name.lower() for trial in ended]
    kinds = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    if not best:
        return f"{len(ended)} trials ({kinds}): none was completed; the table of trials says why"
    columns = outcome.table(search.goals, best[:_SHOWN])
    shown = [name for name in columns if name not in ("state", "why")]
    rows = [list(map(_cell, row)) for row in zip(*(columns[name] for name in shown), strict=True)]
    title = "the best trial" if len(search.goals) == 1 else f"the {len(best)} trials that no other beats"
    return f"{len(ended)} trials ({kinds}); {title}:\n{aligned(shown, rows)}"


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _slug(name: str) -> str:
    return re.sub(r"[^\w./-]+", "-", name).strip("-")
