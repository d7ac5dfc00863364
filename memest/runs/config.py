"""The settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from memest.data import CORRUPTIONS, PROTOCOLS, SETS
from memest.errors import SettingError
from memest.grammar.config import one, option
from memest.grammar.registry import Registry
from memest.grammar.spec import literal, split_list
from memest.grammar.values import Index, PositiveShare
from memest.recipe import Recipe

if TYPE_CHECKING:
    from memest.overhead.schedule import ScoringSchedule


def experiment_text(text: str) -> str:
    """The name of an experiment, or `auto`.

    Raises:
        SettingError: it is blank.
    """
    if not text.strip():
        raise SettingError("an experiment needs a name; use --experiment memest")
    return text


EXPERIMENT = option(
    "auto",
    "MLflow experiment; auto: MLFLOW_EXPERIMENT_ID or _NAME, else memest",
    key=False,
    read=experiment_text,
    shown="NAME",
)
TRACKING_OR_OFFLINE = option(
    "auto",
    "MLflow tracking URI; auto: MLFLOW_TRACKING_URI, else sqlite; offline: this machine alone",
    key=False,
    shown="URI",
)
Device = Literal["auto", "cpu", "cuda"]


def models() -> Registry[Any]:
    """The registry of networks; imports torch."""
    from memest.models import MODELS

    return MODELS


def epochs_kept() -> Registry[Any]:
    """The registry of choices of epochs; imports torch."""
    from memest.training import EPOCHS

    return EPOCHS


def stopping_rules() -> Registry[Any]:
    """The registry of stopping rules; imports torch."""
    from memest.runs.stopping import STOPPING

    return STOPPING


def scores_text(text: str) -> str:
    """A list of scores made canonical; imports torch.

    Raises:
        InputError: an unknown score, an unknown set of labels, or a setting that does not fit.
    """
    from memest.runs.other_labels import read_scores

    return read_scores(text)


def epochs_named(text: str) -> list[int]:
    """The epochs of a list such as `0, 10, 20`; none for `all` and `last`.

    Raises:
        SettingError: it is empty, or something in it is no epoch.
    """
    if text in ("all", "last"):
        return []
    epochs = [literal(part) for part in split_list(text)]
    odd = [epoch for epoch in epochs if type(epoch) is not int or epoch < 0]
    if odd or not epochs:
        what = f"{odd[0]!r} is no epoch" if odd else "it is empty"
        raise SettingError(f"--epochs is all, last, or a list of epochs such as 0, 10, 20; {what}")
    return epochs


def epochs_text(text: str) -> str:
    """`text`, if it is all, last or a list of epochs.

    Raises:
        SettingError: see `epochs_named`.
    """
    epochs_named(text)
    return text


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training run."""

    data: str = option(
        "digits", "dataset spec, such as digits, cifar100 or npz(path=mine.npz)", read=one(SETS)
    )
    limit: Index = option(0, "train on this many images, class shares kept; 0: all")
    corruption: str = option(
        "none", "damage to the labels, such as symmetric_noise(rate=0.05)", read=one(CORRUPTIONS)
    )
    corruption_seed: Index | None = option(None, "seed of the corruption alone; none: that of the run")
    model: str = option("tiny", "network spec, such as resnet18 or resnet18(width=16)", read=one(models))
    seed: Index = option(0, "seed of weights, order, augmentation, probes and corruption")
    protocol: str = option(
        "standard",
        "who is trained on and who is scored: standard, k_fold(folds=3), second_split",
        read=one(PROTOCOLS),
    )
    part: Index | None = option(None, "this part of the protocol alone; none: every part, then joined")
    recipe: Recipe = field(default_factory=Recipe)
    scores: str = option(
        "logits",
        "scores to measure after every epoch; logits: all that need logits only",
        read=scores_text,
        shown="SPEC,…",
    )
    score_every: Index = option(
        1, "measure scores from logits at every k-th epoch, and the last; 0: never, but for seen/…"
    )
    gradient_every: Index = option(
        1, "measure scores from gradients and attacks at every k-th epoch, and the last; 0: never"
    )
    max_overhead: PositiveShare | None = option(
        None,
        "share of training time that scoring may take: fewer epochs and probes are chosen to keep it",
    )
    stop_when: str = option(
        "never",
        "end training early: never, or stable: once the ranking by seen/csl no longer changes",
        read=one(stopping_rules),
    )
    checkpoints: str = option(
        "last", "epochs whose network is kept: none, last, every(k=10), all", read=one(epochs_kept)
    )
    device: Device = option("auto", "where to train", key=False)
    deterministic: bool = option(True, "the same bits every time on one device")
    experiment: str = EXPERIMENT
    tracking: str = TRACKING_OR_OFFLINE

    @property
    def schedule(self) -> ScoringSchedule:
        """Which scores are measured when."""
        from memest.overhead.schedule import ScoringSchedule

        return ScoringSchedule(self.scores, self.score_every, self.gradient_every)

    def keeps(self, epoch: int, epochs: int) -> bool:
        """Whether the network of `epoch` is kept, in a training of `epochs` epochs."""
        return bool(epochs_kept().call(self.checkpoints, epoch, epochs))
