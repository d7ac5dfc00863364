"""Optuna's samplers and pruners, under its names and with its keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from memest.grammar.config import digest
from memest.grammar.registry import Registry
from memest.grammar.values import Count, Index, Within

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState

SAMPLERS: Registry[Callable[..., Any]] = Registry("sampler")
PRUNERS: Registry[Callable[..., Any]] = Registry("pruner")
Several = Annotated[int, Within(2)]


@SAMPLERS.register
def tpe(seed: int, *, n_startup_trials: Count = 10, multivariate: bool = False) -> Any:
    """Tree-structured Parzen estimator; for one objective or two."""
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, n_startup_trials=n_startup_trials, multivariate=multivariate)


@SAMPLERS.register
def random(seed: int) -> Any:
    """Independent draws."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


@SAMPLERS.register
def nsgaii(seed: int, *, population_size: Several = 50) -> Any:
    """The genetic algorithm NSGA-II, made for two objectives."""
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed, population_size=population_size)


@SAMPLERS.register
def gp(seed: int, *, n_startup_trials: Count = 10) -> Any:
    """Bayesian optimisation with a Gaussian process."""
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, n_startup_trials=n_startup_trials)


@PRUNERS.register
def none() -> Any:
    """Every trial is trained to its end."""
    from optuna.pruners import NopPruner

    return NopPruner()


@PRUNERS.register
def median(*, n_startup_trials: Index = 5, n_warmup_steps: Index = 0) -> Any:
    """Ends what is worse than the median of earlier trials at the same epoch."""
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=n_startup_trials, n_warmup_steps=n_warmup_steps)


@PRUNERS.register
def hyperband(*, min_resource: Count = 1, reduction_factor: Several = 3) -> Any:
    """Successive halving in several brackets."""
    from optuna.pruners import HyperbandPruner

    return HyperbandPruner(min_resource=min_resource, reduction_factor=reduction_factor)


def sampler_by_trial(spec: str, seed: int) -> BaseSampler:
    """A sampler that is made anew for each trial, with a seed of the trial's own.

    So two workers never draw the same for want of other seeds, and a search that was interrupted draws what
    an undisturbed one does. A trial's place does not count those that repeat an interrupted one.

    Args:
        spec: of one of `SAMPLERS`, which keep what they know in the study.
        seed: of the search.
    """
    from optuna.samplers import BaseSampler

    class ByTrial(BaseSampler):
        def __init__(self) -> None:
            self._own: BaseSampler = SAMPLERS.call(spec, seed)

        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            others = study.get_trials(deepcopy=False)
            place = sum(other.number < trial.number and not _repeats(other) for other in others)
            self._own = SAMPLERS.call(spec, int(digest(seed, place)[:8], base=16))
            self._own.before_trial(study, trial)

        def infer_relative_search_space(
            self, study: Study, trial: FrozenTrial
        ) -> dict[str, BaseDistribution]:
            return self._own.infer_relative_search_space(study, trial)

        def sample_relative(
            self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            return self._own.sample_relative(study, trial, search_space)

        def sample_independent(
            self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
        ) -> Any:
            return self._own.sample_independent(study, trial, param_name, param_distribution)

        def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
            self._own.after_trial(study, trial, state, values)

    return ByTrial()


def _repeats(trial: FrozenTrial) -> bool:
    """Whether a trial was queued in place of one that was interrupted, as Optuna notes it."""
    return "failed_trial" in trial.system_attrs
