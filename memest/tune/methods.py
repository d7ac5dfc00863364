"""Optuna's samplers and pruners, under its names and with its keywords. Depends on the ground floor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from memest.registry import Registry
from memest.values import Count, Index, Within

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
