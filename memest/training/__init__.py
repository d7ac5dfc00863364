"""Training: the generator, the recipe, checkpoints."""

from memest.recipe import SCHEDULES, Recipe, learning_rate
from memest.training import checkpoint
from memest.training.checkpoint import EPOCHS
from memest.training.distributed import ALONE, LoaderShare, ProcessGroup, process_group
from memest.training.epochs import EpochEnd, loss_and_accuracy, train_epochs, weight_norm
from memest.training.pacing import Pacing
from memest.training.requirements import require_trainable

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
