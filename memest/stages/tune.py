"""Search for settings with Optuna: trials are training runs under one parent, shared by several workers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from memest.detect import evaluation_of
from memest.grammar.config import digest, key_settings
from memest.runs.report import detection_metrics
from memest.stages.config import TuneConfig
from memest.stages.train import train
from memest.store import SheetReader
from memest.store.artifacts import run_blobs
from memest.tracking import (
    SEALED,
    at_work_under,
    check_database,
    check_named,
    children_of,
    connect,
    facts,
    get_run,
    home,
    server_uri,
)
from memest.tune import (
    PRUNERS,
    finished,
    open_study,
    others_at_work,
    require_completed,
    require_optuna,
    sampler_by_trial,
)
from memest.tune.parent import about_search, opened_alone, parent_run
from memest.tune.report import REPORT, write_report
from memest.tune.search import HARMLESS, Search, Trials

if TYPE_CHECKING:
    from optuna.study import Study


def tune(config: TuneConfig) -> str:
    """Make the trials that are missing, and say which are best; the worker that ends last writes it down.

    Raises:
        InputError: the search cannot be made, or its study is of another search; nothing was written.
        SearchError: no trial was completed.
    """
    require_optuna()
    uri = server_uri(config.run.tracking)
    search = Search.checked(config.space, config.objectives, config.pruner, config.run)
    check_named(uri, config.run.experiment)
    storage = _storage(config.storage)
    search.prepare()
    client = connect(uri)
    study = _study(config, search, storage)
    about = about_search(search, key_settings(config), study.study_name, config.trials)
    parent = parent_run(study, about, client, config.run.experiment)
    run = get_run(client, parent)
    if facts(run.data.tags).get("state") != SEALED:
        experiment = client.get_experiment(run.info.experiment_id).name
        trials = Trials(search, study, partial(_numbers, client), experiment, train)
        with children_of(parent), at_work_under(client, parent, partial(others_at_work, study)):
            _optimize(config, study, trials)
            if finished(study) >= config.trials:
                require_completed(study)
        if finished(study) < config.trials:
            return f"{finished(study)} of {config.trials} trials are done; other workers are at the others"
        # Opened where the parent is, not in a run that `mlflow run` gave.
        with children_of(""), opened_alone(about, uri, experiment) as opened:
            if not opened.done:
                write_report(opened.run, study, search, config.trials)
                opened.run.seal({})
    text = run_blobs(client, parent, home() / "cache").get(REPORT).decode()
    return f"{text}\n\ntables and figures are in run {parent}"


def _storage(given: str) -> str:
    """The database of the study.

    Raises:
        InputError: it cannot be used.
    """
    if given == "auto":
        return f"sqlite:///{(home() / 'studies.db').absolute()}"
    check_database(given, "--storage", "studies")
    return given


def _study(config: TuneConfig, search: Search, storage: str) -> Study:
    """The study of the search, named by what it is unless it has a name."""
    name = config.study
    if name == "auto":
        how = (config.sampler, config.pruner, config.search_seed)
        name = f"tune-{digest(search.definition, *how)[:8]}"
    home().mkdir(parents=True, exist_ok=True)
    directions = [objective.direction for objective in search.objectives]
    sampler = sampler_by_trial(config.sampler, config.search_seed)
    return open_study(storage, name, search.definition, directions, sampler, PRUNERS.call(config.pruner))


def _numbers(client: Any, run: str) -> dict[str, float]:
    """The latest value of each metric of a run, and what it found of its truth."""
    evaluation = evaluation_of(SheetReader.open(run_blobs(client, run, home() / "cache")))
    found = {} if evaluation is None else detection_metrics(evaluation)
    return dict(get_run(client, run).data.metrics) | found


def _optimize(config: TuneConfig, study: Study, trials: Trials) -> None:
    """Trials until there are enough, those that other workers are at counted."""

    def enough() -> bool:
        return finished(study, running=True) >= config.trials

    if not enough():
        study.optimize(trials, callbacks=[lambda *_: study.stop() if enough() else None], catch=HARMLESS)
