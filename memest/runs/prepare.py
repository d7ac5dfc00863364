"""Everything that a configuration stands for, before anything is trained or written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import nn

from memest.data import ImageSet, Part, Split, Truth, corrupt, load_images, plan
from memest.errors import SettingError
from memest.grammar.config import digest, key_settings
from memest.models import build_model
from memest.overhead.budget import Choice
from memest.runs.config import TrainConfig
from memest.runs.device import choose_device, choose_threads, cpu_threads, deterministic
from memest.runs.in_time import Allowance, InTime
from memest.runs.key import run_key
from memest.runs.loaded import Loaded, load
from memest.runs.other_labels import Others, other_labels
from memest.runs.possible import no_part, require_possible
from memest.runs.stopping import STATE, STOPPING, Stability
from memest.scores import ScoreSet
from memest.seeding import Streams
from memest.tracking import home
from memest.training import ALONE, ProcessGroup, require_trainable

StoppingRule: TypeAlias = Stability | InTime


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a run is made of.

    Attributes:
        config: its settings.
        streams: its randomness.
        split: the clean dataset.
        images: the training images with the labels that are trained on.
        truth: what the corruption did to them.
        parts: the trainings that the configuration asks for: one, or every part of its protocol.
        others: further labels that its scores are measured against, (N,) by name.
        device: where it computes.
        processes: how many train together.
        allowance: the time it may take, where that decides how many epochs there are; None: it does not.
        choice: what was chosen to keep within the budget of scoring; None where there is none.
    """

    config: TrainConfig
    streams: Streams
    split: Split
    images: ImageSet
    truth: Truth
    parts: tuple[Part, ...]
    others: Others
    device: torch.device
    processes: int = 1
    allowance: Allowance | None = None
    choice: Choice | None = None

    @property
    def part(self) -> Part:
        """The only part.

        Raises:
            SettingError: there are several.
        """
        if len(self.parts) > 1:
            raise SettingError(no_part(self.config, len(self.parts)))
        return self.parts[0]

    def with_part(self, number: int) -> Prepared:
        """The run of one of the parts."""
        return replace(self, config=replace(self.config, part=number), parts=(self.parts[number],))

    @cached_property
    def key(self) -> str:
        """The key of the run."""
        key = run_key(
            key_settings(self.config), self.split, self.images, self.device, self.others, self.processes
        )
        return digest(key, self.allowance.budget) if self.allowance else key

    @cached_property
    def observed(self) -> ImageSet:
        """The examples that are scored."""
        return self.images.take(self.part.observed)

    @property
    def epochs(self) -> int:
        """Epochs of a part, over all its stages."""
        return self.config.recipe.epochs * len(self.parts[0].stages)

    @property
    def scores(self) -> ScoreSet:
        """What is measured."""
        return ScoreSet(self.config.scores)

    def stopping(self, state: dict[str, Any] | None = None) -> StoppingRule | None:
        """The rule by which the run ends early; None where it trains all of its epochs.

        Args:
            state: of training, to go on from.
        """
        rule: StoppingRule | None = self.in_time() or STOPPING.call(self.config.stop_when)
        if rule and state and STATE in state:
            rule.restore(state[STATE])
        return rule

    def in_time(self) -> InTime | None:
        """What keeps the run within its allowance; None where it has none."""
        if self.allowance is None:
            return None
        name = digest(self.key, self.config.tracking, self.config.experiment)  # elsewhere it has its own time
        return InTime(self.allowance, self.epochs, home() / "plans" / f"{name[:20]}.epochs.json")

    @cached_property
    def threads(self) -> int:
        """Threads of the CPU that the run computes with."""
        return choose_threads(self.network(), self.images.images.shape[1:], self.device)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """A block that computes as the run does: with its threads, and deterministically if it asks so."""
        with deterministic(self.config.deterministic), cpu_threads(self.threads):
            yield

    def network(self) -> nn.Module:
        """The untouched network of the run's seed, on the CPU."""
        classes, seed = len(self.images.classes), self.streams.seed("weights")
        return build_model(self.config.model, self.images.channels, classes, seed, self.images.size)

    def require_trainable(self, counts: Iterable[int]) -> None:
        """Refuse trainings on so many examples that the batch size leaves too small a batch.

        Raises:
            SettingError: see `train.require_trainable`.
        """
        height, width, channels = self.images.images.shape[1:]
        batch_size = self.config.recipe.batch_size
        require_trainable(self.network, (channels, height, width), counts, batch_size, self.processes)

    def load(self, group: ProcessGroup = ALONE) -> Loaded:
        """The examples of the part, on the device."""
        return load(self.split, self.images, self.part, self.others, self.device, group)


def prepare(
    config: TrainConfig,
    processes: int = 1,
    device: torch.device | None = None,
    earlier: Prepared | None = None,
) -> Prepared:
    """What a configuration stands for.

    Args:
        config: the settings.
        processes: how many train together.
        device: where it will be trained; None: the device here that the settings name.
        earlier: of another configuration; its dataset and labels are taken over where they are the same.

    Raises:
        InputError: something that was asked for cannot be done; nothing was written.
    """
    require_possible([config])
    device = device or choose_device(config.device)
    streams = Streams(config.seed, corruption=config.corruption_seed)
    split, images, truth = _labelled(config, streams, earlier)
    prepared = Prepared(
        config,
        streams,
        split,
        images,
        truth,
        _parts(config, images, streams),
        other_labels(ScoreSet(config.scores), split.train),
        device,
        processes,
    )
    prepared.require_trainable([len(stage) for part in prepared.parts for stage in part.stages])
    return prepared


def _labelled(
    config: TrainConfig, streams: Streams, earlier: Prepared | None
) -> tuple[Split, ImageSet, Truth]:
    """The clean dataset, its images with the labels that are trained on, and what was done to them."""
    wanted, there = data_and_labels(config), earlier and data_and_labels(earlier.config)
    if earlier and there == wanted:
        return earlier.split, earlier.images, earlier.truth
    same_data = there and there[:2] == wanted[:2]
    split = earlier.split if earlier and same_data else load_images(config.data, config.limit)
    return split, *corrupt(split.train, config.corruption, streams)


def data_and_labels(config: TrainConfig) -> tuple[str, int, str, int]:
    """What decides the images, the first two, and the labels that a configuration trains on."""
    own = config.corruption_seed
    return config.data, config.limit, config.corruption, config.seed if own is None else own


def _parts(config: TrainConfig, images: ImageSet, streams: Streams) -> tuple[Part, ...]:
    parts, number = plan(images, config.protocol, streams), config.part
    if number is None:
        return tuple(parts)
    if len(parts) == 1 or number >= len(parts):
        raise SettingError(no_part(config, len(parts)))
    return (parts[number],)
