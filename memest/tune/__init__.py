"""Search over settings with Optuna: what is varied, what is aimed at, and the study that remembers."""

from memest.tune.distributions import DISTRIBUTIONS
from memest.tune.methods import PRUNERS, SAMPLERS, sampler_by_trial
from memest.tune.objectives import Objective, read_objectives
from memest.tune.space import Space, space_text
from memest.tune.study import (
    Definition,
    finished,
    open_study,
    others_at_work,
    require_completed,
    require_optuna,
    same_trial,
)

__all__ = [
    "DISTRIBUTIONS",
    "PRUNERS",
    "SAMPLERS",
    "Definition",
    "Objective",
    "Space",
    "finished",
    "open_study",
    "others_at_work",
    "read_objectives",
    "require_completed",
    "require_optuna",
    "same_trial",
    "sampler_by_trial",
    "space_text",
]
