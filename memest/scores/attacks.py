"""How far the nearest input of another class is, found by an attack. Depends on torch; the attack itself
needs the extra `attacks` (the Adversarial Robustness Toolbox).
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from memest.errors import SettingError
from memest.scores.base import LOWER, LocalLoss, input_score
from memest.values import Count

_TOGETHER = 32
"""Examples attacked at a time: the toolbox keeps the gradient of every class of each."""


@input_score(unit="normalised input", harder=LOWER)
def adversarial_distance(local: LocalLoss, *, steps: Count = 50) -> Tensor:
    """‖x′ − x‖₂, x′ being the nearest input found that the network does not take for the label.

    By DeepFool (Moosavi-Dezfooli, Fawzi & Frossard 2016), so from above, and 0 where the network does not
    take x itself for the label. An example whose class has not changed after `steps` is at the edge of its
    class to float32 rounding or, rarely, still within; it has the distance that it got to. Costs a backward
    pass for each class and step: meant for one epoch, `memest score --epochs last`.
    """
    device = local.images.device
    if device.type not in ("cpu", "cuda"):
        raise SettingError(f"adversarial_distance runs on cpu and cuda, not on {device.type}; --device cpu")
    attack = _deepfool(local, steps)
    found = torch.zeros(len(local.labels), device=device)
    taken = local.logits.argmax(dim=1) == local.labels
    if taken.any():
        images = local.images[taken].contiguous()
        with torch.enable_grad():
            others = torch.from_numpy(attack.generate(images.cpu().numpy())).to(images)
        found[taken] = torch.linalg.vector_norm((others - images).flatten(1), dim=1)
    return found


def _deepfool(local: LocalLoss, steps: int) -> Any:
    """The attack on this network, without a word: `steps` at most, all classes considered."""
    try:
        from art.attacks.evasion import DeepFool
        from art.estimators.classification import PyTorchClassifier
    except ImportError as error:
        raise SettingError(
            "adversarial_distance needs the Adversarial Robustness Toolbox, which is not installed here: "
            "pip install 'memest[attacks]'"
        ) from error
    logging.getLogger("art").setLevel(logging.ERROR)  # it warns of inputs without bounds: these have none
    classes = local.logits.shape[1]
    classifier = PyTorchClassifier(
        model=local.network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=tuple(local.images.shape[1:]),
        nb_classes=classes,
        device_type="gpu" if local.images.is_cuda else "cpu",
    )
    return DeepFool(classifier, max_iter=steps, nb_grads=classes, batch_size=_TOGETHER, verbose=False)
