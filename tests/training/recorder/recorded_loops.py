"""Sixty examples of four classes, for loops that are recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from memest.recorder import Recorder

COUNT, CLASSES = 60, 4
IDS = np.random.default_rng(0).permutation(1000)[:COUNT]


def points() -> TensorDataset:
    """Sixty points of 12 values in four classes, each with its id."""
    x = torch.randn(COUNT, 12, generator=torch.Generator().manual_seed(1))
    return TensorDataset(x, torch.arange(COUNT) % CLASSES, torch.from_numpy(IDS))


def network() -> nn.Module:
    """Two layers."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, CLASSES))


def one_batch(recorder: Recorder, logits: Any = None, labels: Any = None, ids: Any = None) -> None:
    """All sixty examples in one batch, with something else where that is given."""
    whole = torch.zeros(COUNT, CLASSES), torch.arange(COUNT) % CLASSES, torch.from_numpy(IDS)
    given = [
        default if came is None else came for came, default in zip((logits, labels, ids), whole, strict=True)
    ]
    recorder.update(*given)
