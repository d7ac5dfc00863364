"""What a network says an example is: softmax over the classes, for detectors that need all of it.

Depends on torch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from memest.scores.engine.inference import frozen, full_precision
from memest.scores.engine.micro_batches import Examples


@torch.no_grad()
def probabilities(network: nn.Module, batches: Iterable[Examples]) -> NDArray[np.float32]:
    """Softmax in evaluation mode, (N, C) float32, in the order of the batches.

    Args:
        network: images → logits; its mode is left as it was.
        batches: every example once.
    """
    with frozen(network), full_precision():
        parts = [network(batch.images).float().softmax(1) for batch in batches]
    return np.asarray(torch.cat(parts).cpu().numpy())
