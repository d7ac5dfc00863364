"""Search over settings with Optuna: what is varied, what is aimed at, and the study that remembers.

Depends on `detect` and the ground floor; optuna is imported where it is used.
"""

from memest.tune.distributions import DISTRIBUTIONS
from memest.tune.goals import Goal, read_goals
from memest.tune.methods import PRUNERS, SAMPLERS, sampler_by_trial
from memest.tune.space import Space, space_text
from memest.tune.study import Definition, finished, open_study, others_at_work, require_optuna, twin

__all__ = [
    "DISTRIBUTIONS",
    "PRUNERS",
    "SAMPLERS",
    "Definition",
    "Goal",
    "Space",
    "finished",
    "open_study",
    "others_at_work",
    "read_goals",
    "require_optuna",
    "sampler_by_trial",
    "space_text",
    "twin",
]
