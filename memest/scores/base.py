"""What a score is, and the registry of all of them.

A score is a pure function from one epoch's network and labels to one number per example, (B,). Those
made from the logits alone can also be had for free, from the batches a network trains on; those made
from input gradients need a `LocalLoss`. Axes: B examples, K classes, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from memest.errors import SettingError
from memest.grammar.registry import LabelledRegistry
from memest.grammar.spec import GIVEN, Spec, without_seen
from memest.scores.probes import rademacher

HIGHER: Literal[1] = 1
LOWER: Literal[-1] = -1


@dataclass(frozen=True)
class Kind:
    """What a score declares: what it is made from, its unit, and which way is harder (+1: higher).

    `labelled`: whether it depends on the labels, so that it can be measured against others. `package`: what
    it needs beyond torch, as a module, and the extra of memest that brings it.
    """

    source: Literal["logits", "input"]
    unit: str
    harder: Literal[1, -1]
    labelled: bool = True
    package: tuple[str, str] | None = None


KINDS: dict[str, Kind] = {}


class ScoreRegistry(LabelledRegistry[Callable[..., Tensor]]):
    """Scores by name; `labels=…` says against which labels."""

    def parse(self, text: str | Spec) -> Spec:
        """The canonical spec; `labels=given` changes no key.

        Raises:
            SettingError: the score does not depend on labels, and others than the given are named.
        """
        spec = super().parse(text)
        if spec.labels != GIVEN and not KINDS[spec.name].labelled:
            raise SettingError(f"{spec.name} is the same whatever the labels; leave out labels={spec.labels}")
        return spec


SCORES = ScoreRegistry("score", "memest.scores")


def logit_score(
    unit: str, harder: Literal[1, -1], labelled: bool = True
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register `(logits_BK, labels_B, *, …) -> (B,)`; `labelled=False`: the labels make no difference."""
    return _declare(Kind("logits", unit, harder, labelled))


def input_score(
    unit: str, harder: Literal[1, -1], package: tuple[str, str] | None = None
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register `(local: LocalLoss, *, …) -> (B,)`; `package`: what it needs, and the extra that has it."""
    return _declare(Kind("input", unit, harder, package=package))


def _declare(kind: Kind) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    def add(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        SCORES.register(function)
        KINDS[function.__name__] = kind
        return function

    return add


class LocalLoss:
    """The loss of each example as a function of its own input, around the images of one batch.

    The forward pass and the gradient at the images themselves are made once, by the constructor, and
    shared by every score. The network must be in evaluation mode, so that an example's loss does not
    depend on the rest of the batch; then the gradient of the summed loss is each example's own.

    Args:
        network: images (B, C, H, W) → logits (B, K); its weights must not ask for gradients.
        images: (B, C, H, W) float32, normalised.
        labels: (B,) int64.
        ids: (B,) int64.
        seed: seed of this epoch's probes.

    Attributes:
        network, images, labels, ids, seed: as given.
        logits: (B, K), detached.
        gradient: (B, C, H, W), ∇ₓ of each example's cross-entropy.
    """

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor, ids: Tensor, seed: int) -> None:
        self.network = network
        self.images, self.labels, self.ids, self.seed = images, labels, ids, seed
        self.logits, self.gradient = self._differentiate(images)

    def against(self, labels: Tensor) -> LocalLoss:
        """The same around the same images, with other labels (B,): one more forward and backward pass."""
        return LocalLoss(self.network, self.images, labels, self.ids, self.seed)

    def gradient_at(self, images: Tensor) -> Tensor:
        """∇ₓ of each example's cross-entropy at other inputs, (B, C, H, W)."""
        return self._differentiate(images)[1]

    def hessian_times(self, vectors: Tensor) -> Tensor:
        """H·v of each example's cross-entropy at its own images, (B, C, H, W); the graph is made once."""
        inputs, gradient = self._curved
        with torch.enable_grad():
            (product,) = torch.autograd.grad((gradient * vectors).sum(), inputs, retain_graph=True)
        return product

    @cached_property
    def _curved(self) -> tuple[Tensor, Tensor]:
        """The images and the gradient at them as a function of them, to be differentiated again."""
        inputs = self.images.detach().requires_grad_()
        with torch.enable_grad():
            loss = _total_loss(self.network(inputs), self.labels)
            (gradient,) = torch.autograd.grad(loss, inputs, create_graph=True)
        return inputs, gradient

    def probe(self, number: int) -> Tensor:
        """The `number`-th Rademacher vector of each example, (B, C, H, W) of ±1, keyed by id and epoch."""
        signs = rademacher(self.ids, self.seed, number, self.images[0].numel())
        return signs.view_as(self.images)

    def _differentiate(self, images: Tensor) -> tuple[Tensor, Tensor]:
        inputs = images.detach().requires_grad_()
        with torch.enable_grad():
            logits = self.network(inputs)
            loss = _total_loss(logits, self.labels)
            (gradient,) = torch.autograd.grad(loss, inputs)
        return logits.detach(), gradient


def _total_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed cross-entropy, in float32 or, where the network computes in float64, in that."""
    precise = torch.promote_types(logits.dtype, torch.float32)
    return functional.cross_entropy(logits.to(precise), labels, reduction="sum")


def describe(key: str) -> dict[str, Any]:
    """Unit and direction of a score, for the manifest; `seen/` before the key changes neither."""
    kind = KINDS[Spec.parse(without_seen(key)).name]
    return {"unit": kind.unit, "harder": "higher" if kind.harder == HIGHER else "lower"}
