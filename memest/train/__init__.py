"""Training: the generator, the recipe, checkpoints."""

from memest.train import checkpoint
from memest.train.checkpoint import EPOCHS
from memest.train.epochs import EpochEnd, evaluate, train_epochs, weight_norm
from memest.train.recipe import SCHEDULES, Recipe, learning_rate

__all__ = [
    "EPOCHS",
    "SCHEDULES",
    "EpochEnd",
    "Recipe",
    "checkpoint",
    "evaluate",
    "learning_rate",
    "train_epochs",
    "weight_norm",
]
