"""The examples of a run on the device: to train on, to score, to test on."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from memest.data import ImageSet, Part, Split
from memest.loading import Loader
from memest.runs.other_labels import Others
from memest.scores import Scorer
from memest.training import ALONE, LoaderShare, ProcessGroup


@dataclass(frozen=True, eq=False)
class Loaded:
    """What one training needs on the device, normalised by what is trained on.

    Attributes:
        stages: what is trained on, one after the other.
        testing: the test set; None where there is none.
        scorer: measures the observed examples.
        asked: gives probabilities: of the examples left out of training, or else of all that are observed.
    """

    stages: list[Loader]
    testing: Loader | None
    scorer: Scorer
    asked: Scorer


def load(
    split: Split,
    images: ImageSet,
    part: Part,
    others: Others,
    device: torch.device,
    group: ProcessGroup = ALONE,
) -> Loaded:
    """The examples of a part, on the device; what is both trained on and observed is there once.

    Args:
        split: the clean dataset; its test set, if there is one, is loaded.
        images: with the labels that are trained on.
        part: what is trained on and what is observed.
        others: further labels of all images that scores are measured against.
        device: where to.
        group: of several processes, each scores its share.
    """
    statistics = images.take(part.trained).statistics()
    stages = [Loader(images.take(stage), statistics, device) for stage in part.stages]
    observed = stages[0] if part.plain else Loader(images.take(part.observed), statistics, device)
    within = {name: labels[part.observed] for name, labels in others.items()}
    scorer = Scorer(LoaderShare(observed, group), within, group.reduction)
    testing = None if split.test is None else Loader(split.test, statistics, device)
    asked = Loader(images.take(part.left_out), statistics, device) if len(part.left_out) else observed
    return Loaded(stages, testing, scorer, Scorer(asked))
