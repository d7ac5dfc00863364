"""Everything that measuring a finished run again stands for, before anything is measured or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from memest.data import ImageSet
from memest.data.rebuilt import Rebuilt, rebuild
from memest.grammar.config import digest
from memest.models import build_model
from memest.runs.device import choose_threads
from memest.runs.finished import FinishedRun
from memest.runs.key import fingerprints
from memest.runs.loaded import load
from memest.runs.other_labels import Others, other_labels
from memest.scores import Scorer, ScoreSet
from memest.tracking import AXES, About
from memest.training import checkpoint
from memest.version import versions


@dataclass(frozen=True, eq=False)
class Again:
    """A finished run that is measured again.

    Attributes:
        source: the run.
        rebuilt: its images and labels, read back and checked.
        scores: what is measured.
        others: further labels that they are measured against, (N,) by name.
        epochs: those whose networks are measured.
        device: where it computes.
    """

    source: FinishedRun
    rebuilt: Rebuilt
    scores: ScoreSet
    others: Others
    epochs: list[int]
    device: torch.device

    @property
    def trained(self) -> dict[str, Any]:
        """The settings of the source run."""
        return self.source.sheet.manifest.header.config

    @cached_property
    def images(self) -> ImageSet:
        """The examples that are measured."""
        return self.rebuilt.observed

    @cached_property
    def network(self) -> nn.Module:
        """A network of the source run's kind, on the CPU."""
        images = self.images
        return build_model(self.trained["model"], images.channels, len(images.classes), 0, images.size)

    @cached_property
    def threads(self) -> int:
        """Threads of the CPU that the run computes with."""
        return choose_threads(self.network, self.images.images.shape[1:], self.device)

    def scorer(self) -> Scorer:
        """Measures the examples, on the device."""
        rebuilt = self.rebuilt
        return load(rebuilt.split, rebuilt.images, rebuilt.part, self.others, self.device).scorer

    def kept_network(self, epoch: int) -> nn.Module:
        """The network that the source run kept of an epoch, on the device: the same object every time."""
        kept = checkpoint.unpack(self.source.sheet.kept(checkpoint.name(epoch)), self.device)
        self.network.to(self.device).load_state_dict(kept["network"])
        return self.network

    def about(self, settings: Mapping[str, Any]) -> About:
        """The axes, settings and description of the new run."""
        run_id, facts = self.source.run_id, self.source.facts
        labels = fingerprints(self.rebuilt.images, self.others)
        return About(
            stage="score",
            key=digest(versions(), run_id, str(self.scores), self.epochs, self.device.type, *labels),
            name=f"score {self.source.name}",
            settings=settings,
            tags={axis: facts.get(axis, "") for axis in AXES}
            | {"source_run": run_id, "threads": str(self.threads)},
            note=f"{self.scores}, measured again at epochs {self.epochs} of run `{run_id}`.",
            dataset=(facts.get("dataset", ""), self.images.fingerprint),
        )


def again(source: FinishedRun, epochs: str, scores: str, device: torch.device) -> Again:
    """What measuring a finished run again takes.

    Args:
        source: the run.
        epochs: which of the networks that it kept: `all`, `last`, or a list.
        scores: what to measure.
        device: where.

    Raises:
        InputError: an epoch that was not kept, a dataset that has changed.
    """
    kept = source.kept_epochs(epochs)
    rebuilt = rebuild(source.sheet, source.sheet.manifest.header.config)
    wanted = ScoreSet(scores)
    others = other_labels(wanted, rebuilt.split.train, source.sheet.truth())
    return Again(source, rebuilt, wanted, others, kept, device)
