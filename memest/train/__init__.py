"""Training: the generator, the recipe, checkpoints."""

from memest.recipe import SCHEDULES, Recipe, learning_rate
from memest.train import checkpoint
from memest.train.checkpoint import EPOCHS
from memest.train.distributed import ALONE, LoaderShare, ProcessGroup, process_group
from memest.train.epochs import EpochEnd, loss_and_accuracy, train_epochs, weight_norm
from memest.train.pacing import Pacing
from memest.train.requirements import require_trainable

__all__ = [
    "ALONE",
    "EPOCHS",
    "SCHEDULES",
    "EpochEnd",
    "LoaderShare",
    "Pacing",
    "ProcessGroup",
    "Recipe",
    "checkpoint",
    "learning_rate",
    "loss_and_accuracy",
    "process_group",
    "require_trainable",
    "train_epochs",
    "weight_norm",
]
