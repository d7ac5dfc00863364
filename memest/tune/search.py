"""One search: what its trials are, checked before any is made, and how one of them is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memest.data import PROTOCOLS
from memest.errors import BusyError, MemoryFullError, NonFiniteError, PrunedError, SettingError
from memest.grammar.config import build, flags, flatten
from memest.grammar.spec import SEEN
from memest.runs.config import TrainConfig
from memest.runs.possible import require_possible
from memest.runs.prepare import Prepared, prepare
from memest.scores import ScoreSet
from memest.tracking import Opened, reason
from memest.tune import Objective, Space, read_objectives
from memest.tune.results import RUN, WATCHED
from memest.tune.study import REASON, WORKER, same_trial, worker
from memest.version import versions

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

HARMLESS = (NonFiniteError, MemoryFullError, SettingError)
"""What ends one trial and not the search: with these settings a run cannot be had."""
_PLACES = {"experiment", "tracking", "device"}
"""Settings that may differ between the workers of a search."""
_PATIENCE = 2.0
"""Seconds between two tries while another process is at the same configuration."""


@dataclass(frozen=True)
class Search:
    """What is varied, what is aimed at, and what is fixed.

    Attributes:
        space: what is varied.
        objectives: one or two.
        run: settings of every run that are not varied.
    """

    space: Space
    objectives: Sequence[Objective]
    run: TrainConfig

    @classmethod
    def checked(cls, space: str, objectives: str, pruner: str, run: TrainConfig) -> Search:
        """A search whose every corner is a run that can be had and measures what is aimed at.

        Raises:
            InputError: it is empty, names what there is not, or leaves the range of a setting.
        """
        search = cls(Space.parse(space), read_objectives(objectives), run)
        search.space.require(flags(TrainConfig).keys() - _PLACES)
        if pruner != "none" and (len(search.objectives) > 1 or search.objectives[0].direction == "minimize"):
            raise SettingError(
                f"--pruner {pruner} compares trials by {WATCHED} after each epoch, which only one objective "
                f"that is to be high allows, not {objectives}; use --pruner none"
            )
        for drawn in search.space.corners():
            config = search.config(drawn)
            require_possible([config])
            for objective in search.objectives:
                objective.require(_measured(config), config.corruption != "none", drawn)
            aims = {objective.name for objective in search.objectives}
            if _several(config) and ("accuracy" in aims or pruner != "none"):
                raise SettingError(
                    f"the parts of --protocol {config.protocol} have no accuracy in common, nor epochs that "
                    "a pruner could compare; aim at auroc/… or cost, with --pruner none"
                )
        return search

    def prepare(self) -> None:
        """Load the data, the labels and the network of a run at each corner, as training would.

        Raises:
            InputError: no run can be had there: a file is missing, or settings do not go together.
        """
        prepared: Prepared | None = None
        for drawn in self.space.corners():
            prepared = prepare(self.config(drawn), earlier=prepared)
            prepared.network()

    @property
    def definition(self) -> dict[str, Any]:
        """What all workers of the search must agree on."""
        varied = {**self.space.drawn, **self.space.filled}
        fixed = {
            name: value
            for name, value in flatten(self.run).items()
            if name not in varied and name not in _PLACES
        }
        return {
            "space": str(self.space),
            "objectives": ", ".join(objective.name for objective in self.objectives),
            "versions": versions(),
        } | fixed

    def config(self, drawn: Mapping[str, Any], **places: str) -> TrainConfig:
        """The run that drawn values make.

        Raises:
            InputError: it is none.
        """
        known = flags(TrainConfig)
        return build(TrainConfig, flatten(self.run) | self.space.settings(drawn, known) | places)


@dataclass(frozen=True)
class Trials:
    """Makes the trials of a search, each a training run.

    Attributes:
        search: what they are.
        study: that asks for them.
        metrics: gives those of a run, by its id.
        experiment: they lie in.
        train: trains a configuration; its second argument is called after every epoch of the run with the
            run's id, the epoch and its metrics.
    """

    search: Search
    study: Study
    metrics: Callable[[str], Mapping[str, float]]
    experiment: str
    train: Callable[[TrainConfig, Callable[[str, int, Mapping[str, float]], None]], Opened]

    def __call__(self, trial: Trial) -> list[float]:
        """The objectives of one trial, as Optuna calls for them."""
        import optuna

        trial.set_user_attr(WORKER, worker())
        drawn = self.search.space.draw(trial)
        if earlier := same_trial(self.study, trial.number, trial.params):
            return self._repeated(earlier, trial)
        config = self.search.config(drawn, experiment=self.experiment)
        try:
            opened = self._trained(config, trial)
        except PrunedError as error:
            trial.set_user_attr(REASON, str(error))
            raise optuna.TrialPruned(str(error)) from error
        except HARMLESS as error:
            trial.set_user_attr(REASON, reason(error))
            raise
        trial.set_user_attr(RUN, opened.run.id)
        metrics = self.metrics(opened.run.id)
        try:
            return [objective.value(metrics, drawn) for objective in self.search.objectives]
        except HARMLESS as error:
            trial.set_user_attr(REASON, reason(error))
            raise

    def _trained(self, config: TrainConfig, trial: Trial) -> Opened:
        """The finished run; where another process is at it, once that has ended."""

        def watch(run: str, epoch: int, metrics: Mapping[str, float]) -> None:
            trial.set_user_attr(RUN, run)
            if epoch == 0 or len(self.search.objectives) > 1 or WATCHED not in metrics:  # without a test set
                return
            trial.report(metrics[WATCHED], epoch)
            if epoch < config.recipe.epochs and trial.should_prune():
                raise PrunedError(f"pruned after epoch {epoch}: {WATCHED} {metrics[WATCHED]:.4f}")

        while True:
            try:
                return self.train(config, watch)
            except BusyError:
                time.sleep(_PATIENCE)

    def _repeated(self, earlier: FrozenTrial, trial: Trial) -> list[float]:
        """What an earlier trial of the same values came to."""
        import optuna

        trial.set_user_attr(RUN, earlier.user_attrs.get(RUN, ""))
        for epoch, value in earlier.intermediate_values.items():
            trial.report(value, epoch)
        trial.set_user_attr(REASON, f"the same as trial {earlier.number}")
        if earlier.state == optuna.trial.TrialState.PRUNED:
            raise optuna.TrialPruned(f"as trial {earlier.number} was")
        return list(earlier.values)


def _several(config: TrainConfig) -> bool:
    """Whether a trial is several runs and what joins them."""
    return config.part is None and PROTOCOLS.parse(config.protocol).name != "standard"


def _measured(config: TrainConfig) -> set[str]:
    """The scores that a run has in the end, from clean passes and from training."""
    epochs, free = config.recipe.epochs, ScoreSet(config.scores).free.keys
    clean = config.schedule.due(epochs, epochs).keys
    return {*clean, *(f"{SEEN}{key}" for key in free), "scalar/weight_norm"}
