"""How far the nearest input of another class is, found by an attack, which
needs the extra `attacks` (the Adversarial Robustness Toolbox).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from memest.grammar.values import Count
from memest.scores.base import LOWER, LocalLoss, input_score

_TOGETHER = 1 << 25
"""Numbers of one batch's gradients: the toolbox keeps that of every class of each example, and copies."""


@input_score(unit="normalised input", harder=LOWER, package=("art.attacks", "attacks"))
def adversarial_distance(local: LocalLoss, *, steps: Count = 5) -> Tensor:
    """‖x′ − x‖₂, x′ being the nearest input found that the network does not take for the label.

    By DeepFool (Moosavi-Dezfooli, Fawzi & Frossard 2016), so from above, and 0 where the network does not
    take x itself for the label. The attack converges within a few steps, to the edge of the class: on which
    side of it float32 rounding then puts x′ makes no difference to the distance. Costs a backward pass for
    each class and step: meant for one epoch, `memest score --epochs last`.
    """
    found = torch.zeros(len(local.labels), device=local.images.device)
    taken = local.logits.argmax(dim=1) == local.labels
    if taken.any():
        images = local.images[taken].contiguous()
        with _generators_kept(images.device):
            moved = across(local, images, steps) - images
        found[taken] = torch.linalg.vector_norm(moved.flatten(1), dim=1)
    return found


@contextmanager
def _generators_kept(device: torch.device) -> Iterator[None]:
    """The toolbox draws from the global generators of torch and numpy, which others use."""
    state = np.random.get_state()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            np.random.set_state(state)


def across(local: LocalLoss, images: Tensor, steps: int) -> Tensor:
    """The nearest inputs found that the network takes for another class than these, (B, C, H, W).

    All classes are considered, so that what is found for an example does not depend on the others.
    """
    from art.attacks.evasion import DeepFool
    from art.estimators.classification import PyTorchClassifier

    logging.getLogger("art").setLevel(logging.ERROR)  # it warns of inputs without bounds: these have none
    classes = local.logits.shape[1]
    classifier = PyTorchClassifier(
        model=local.network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=tuple(images.shape[1:]),
        nb_classes=classes,
        device_type="gpu" if images.is_cuda else "cpu",
    )
    together = max(1, min(32, _TOGETHER // (classes * images[0].numel())))
    attack = DeepFool(classifier, max_iter=steps, nb_grads=classes, batch_size=together, verbose=False)
    with torch.enable_grad():
        return torch.from_numpy(attack.generate(images.cpu().numpy())).to(images)
