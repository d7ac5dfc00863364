"""What a study found: its trials as a table, the best of them, and Optuna's own pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from memest.tune.objectives import Objective
from memest.tune.study import REASON, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from optuna.study import Study
    from optuna.trial import FrozenTrial

WATCHED = "test/accuracy"
"""What a pruner sees of each epoch."""
RUN = "run"
"""Of a trial: the id of its run."""


def table(objectives: Sequence[Objective], trials: Sequence[FrozenTrial]) -> dict[str, list[Any]]:
    """Columns trial, state, one for each objective, one for each name that is drawn, seconds, run, why.

    An objective of a trial that was not completed is None; `why` says why it was not.
    """
    names = sorted({name for trial in trials for name in trial.params})
    columns: dict[str, list[Any]] = {
        "trial": [trial.number for trial in trials],
        "state": [trial.state.name.lower() for trial in trials],
    }
    for place, objective in enumerate(objectives):
        columns[objective.name] = [_value(trial, place) for trial in trials]
    for name in names:
        columns[name] = [trial.params.get(name) for trial in trials]
    columns["seconds"] = [_seconds(trial) for trial in trials]
    columns["run"] = [trial.user_attrs.get(RUN, "") for trial in trials]
    columns["why"] = [trial.user_attrs.get(REASON, "") for trial in trials]
    return columns


def ended(study: Study) -> list[FrozenTrial]:
    """The trials that came to an end: not those that were interrupted and tried again."""
    from optuna.trial import TrialState

    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or REASON in trial.user_attrs
    ]


def best(study: Study) -> list[FrozenTrial]:
    """The completed trials that no other beats: one for one objective, the Pareto front for two."""
    return list(study.best_trials)


def pictures(study: Study, objectives: Sequence[Objective]) -> Iterator[tuple[str, Figure]]:
    """By name: how the objectives went, what mattered, the Pareto front of two, the epochs of one.

    What there is nothing to draw of is left out, such as importances where all trials are equal.
    """
    from optuna.visualization import matplotlib as draw

    done = [trial for trial in ended(study) if _completed(trial)]
    for place, objective in enumerate(objectives if done else []):
        number = f"-{place}" if len(objectives) > 1 else ""
        target, better = (_target(place, 1), _target(place, -1)) if len(objectives) > 1 else (None, None)
        history = _drawn(draw.plot_optimization_history, study, target=target, target_name=objective.name)
        yield f"history{number}", history
        if len({trial.values[place] for trial in done}) > 1:
            low = target if objective.direction == "minimize" else better  # what matters for low values of it
            yield (
                f"importances{number}",
                _drawn(draw.plot_param_importances, study, target=low, target_name=objective.name),
            )
    if len(objectives) == 2 and done:
        names = [objective.name for objective in objectives]
        yield "pareto_front", _drawn(draw.plot_pareto_front, study, target_names=names)
    if any(trial.intermediate_values for trial in study.get_trials(deepcopy=False)):
        epochs = _drawn(draw.plot_intermediate_values, study)
        epochs.axes[0].set(title="Trials", xlabel="epoch", ylabel=WATCHED)
        yield "epochs", epochs


def _drawn(plot: Callable[..., Any], study: Study, **aim: Any) -> Figure:
    """Optuna draws with pyplot and sets its style for all: here it is put back, and no window is opened."""
    import matplotlib
    from matplotlib import pyplot

    with quiet(), matplotlib.rc_context():
        figure: Figure = plot(study, **aim).figure
        figure.set_layout_engine("constrained")
        figure.set_size_inches(7.2, 4.0)
    pyplot.close(figure)
    return figure


def _target(place: int, sign: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: sign * float(trial.values[place])


def _value(trial: FrozenTrial, place: int) -> float | None:
    return float(trial.values[place]) if _completed(trial) else None


def _completed(trial: FrozenTrial) -> bool:
    return bool(trial.state.name == "COMPLETE")


def _seconds(trial: FrozenTrial) -> float | None:
    return round(trial.duration.total_seconds(), 2) if trial.duration else None
