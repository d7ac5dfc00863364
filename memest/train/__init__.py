"""Training: the generator, the recipe, checkpoints."""

from memest.data.protocols import PROTOCOLS, Part, plan
from memest.recipe import SCHEDULES, Recipe, learning_rate
from memest.train import checkpoint
from memest.train.checkpoint import EPOCHS
from memest.train.epochs import EpochEnd, evaluate, train_epochs, weight_norm
from memest.train.parallel import ALONE, Team

__all__ = [
    "ALONE",
    "EPOCHS",
    "PROTOCOLS",
    "SCHEDULES",
    "EpochEnd",
    "Part",
    "Recipe",
    "Team",
    "checkpoint",
    "evaluate",
    "learning_rate",
    "plan",
    "train_epochs",
    "weight_norm",
]
