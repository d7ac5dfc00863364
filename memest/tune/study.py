"""The study of a search: Optuna's, in a database that several workers share."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from memest.errors import InputError, SearchError, SettingError, masked
from memest.tracking.database import sqlite_file
from memest.tune.objectives import Direction

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

Definition = Mapping[str, Any]
"""What makes a study the same study: space, objectives and every fixed setting."""

REASON, WORKER = "reason", "worker"
"""Of a trial: why it failed for good; who works on it."""
_DEFINITION = "memest"
_NAMED = 3
_HEARTBEAT = 30
"""Seconds between two heartbeats of a trial; after three missing ones it is tried again."""


def require_optuna() -> None:
    """Refuse a search where Optuna is not installed.

    Raises:
        InputError: it is not; the message says how to install it.
    """
    if importlib.util.find_spec("optuna") is None:
        raise InputError("memest tune needs Optuna: pip install 'memest[search]'")


def open_study(
    url: str,
    name: str,
    definition: Definition,
    directions: Sequence[Direction],
    sampler: BaseSampler,
    pruner: BasePruner,
) -> Study:
    """The study called `name`, made if there is none, with the trials of workers that died queued again.

    Args:
        url: of the database, as SQLAlchemy has it.
        name: of the study.
        definition: of the search; a study that has another one is refused.
        directions: of its objectives.
        sampler: chooses trials.
        pruner: ends them early.

    Raises:
        InputError: the database cannot be used, or the study is of another search; says what differs.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with _alone(url):
            study = optuna.create_study(
                storage=_storage(url),
                study_name=name,
                directions=directions,
                sampler=sampler,
                pruner=pruner,
                load_if_exists=True,
            )
            _require_same(study, definition)
            _take_up(study)
    except (SQLAlchemyError, ImportError) as error:
        raise InputError(
            f"no study can be kept at {masked(url)} ({masked(str(error).splitlines()[0])[:200]}); give a "
            "database as in --storage sqlite:///studies.db or postgresql+psycopg://…"
        ) from error
    return study


def finished(study: Study, running: bool = False) -> int:
    """How many trials came to an end: completed, pruned, or failed for good.

    Args:
        running: count those, too, that some worker is at.
    """
    from optuna.trial import TrialState

    states = {TrialState.COMPLETE, TrialState.PRUNED} | ({TrialState.RUNNING} if running else set())
    return sum(
        trial.state in states or (trial.state == TrialState.FAIL and REASON in trial.user_attrs)
        for trial in study.get_trials(deepcopy=False)
    )


def require_completed(study: Study) -> None:
    """Refuse to call a search done that has no result.

    Raises:
        SearchError: no trial was completed; says why the last ones were not.
    """
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    if any(trial.state == TrialState.COMPLETE for trial in trials):
        return
    reasons = [trial.user_attrs[REASON] for trial in trials if REASON in trial.user_attrs]
    why = "; ".join(dict.fromkeys(reasons[-_NAMED:]))
    raise SearchError(
        f"none of the {finished(study)} trials of study {study.study_name!r} was completed ({why}); mend the "
        "settings, or give the same ones another try with another --study"
    )


def others_at_work(study: Study) -> bool:
    """Whether another worker is at a trial."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return any(not _died_here(trial.user_attrs.get(WORKER, "")) for trial in trials)


def same_trial(study: Study, number: int, params: Mapping[str, Any]) -> FrozenTrial | None:
    """An earlier trial that drew the same and came to its end."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return next((trial for trial in ended if trial.number != number and trial.params == params), None)


def worker() -> str:
    """This process, as a trial names who works on it."""
    return f"{socket.gethostname()} {os.getpid()}"


@contextmanager
def quiet() -> Iterator[None]:
    """A block in which Optuna does not say what may change in it, and which way its importances look."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="optuna|memest.tune")
        yield


def _storage(url: str) -> Any:
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback

    patient = {"connect_args": {"timeout": 60}} if sqlite_file(url) else None
    with quiet():
        return RDBStorage(
            url,
            engine_kwargs=patient,
            heartbeat_interval=_HEARTBEAT,
            grace_period=3 * _HEARTBEAT,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
        )


def _alone(url: str) -> AbstractContextManager[object]:
    """Two processes that make the tables of one SQLite file at once break each other."""
    file = sqlite_file(url, "--storage")
    if file is None:
        return nullcontext()
    from filelock import FileLock

    return FileLock(f"{file}.lock")


def _require_same(study: Study, definition: Definition) -> None:
    wanted = json.loads(json.dumps(definition))
    kept = study.user_attrs.get(_DEFINITION)
    if kept is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(_DEFINITION, kept := wanted)
    if kept is None:
        raise SettingError(f"study {study.study_name!r} was not made by memest tune; choose another --study")
    if kept != wanted:
        names = [name for name in {**kept, **wanted} if kept.get(name) != wanted.get(name)]
        changes = "; ".join(f"{name} was {kept.get(name)}, now {wanted.get(name)}" for name in names)
        raise SettingError(
            f"study {study.study_name!r} is another search ({changes}); give the same again to go on with "
            "it, or another --study"
        )


def _take_up(study: Study) -> None:
    """Queue again what no worker is at any more and did not fail for good."""
    from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if _died_here(trial.user_attrs.get(WORKER, "")):
            study.tell(trial.number, state=TrialState.FAIL)
    with quiet():
        fail_stale_trials(study)  # of other machines
    failed = study.get_trials(states=(TrialState.FAIL,))
    with quiet():
        queue = RetryHeartbeatStaleTrialCallback()
        again = {number for trial in study.trials for number in queue.retry_history(trial)}
        for trial in failed:
            if REASON not in trial.user_attrs and trial.number not in again:
                queue(study, trial)


def _died_here(name: str) -> bool:
    """Whether a worker of this machine is no more; of another machine its heartbeat tells."""
    host, _, process = name.rpartition(" ")
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():  # a number that was given again: this worker is at no trial yet
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
