"""Search over settings with Optuna: what is varied, what is aimed at, and the study that remembers.

Depends on `summaries` and the ground floor; optuna is imported where it is used.
"""

from memest.tune.distributions import DISTRIBUTIONS
from memest.tune.goals import Goal, read_goals
from memest.tune.methods import PRUNERS, SAMPLERS
from memest.tune.space import Space, space_text
from memest.tune.study import Definition, drawn, finished, open_study, twin

__all__ = [
    "DISTRIBUTIONS",
    "PRUNERS",
    "SAMPLERS",
    "Definition",
    "Goal",
    "Space",
    "drawn",
    "finished",
    "open_study",
    "read_goals",
    "space_text",
    "twin",
]
