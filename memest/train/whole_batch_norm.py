"""Batch norm over all shares of a batch, where torch has none: on the CPU. Depends on torch.

`torch.nn.SyncBatchNorm` is the same for GPUs. In evaluation mode, and alone, it is a batch norm like any
other.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn


class _Sum(torch.autograd.Function):
    """A sum over the processes that gradients go through: each gets the sum of what all make of it."""

    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        """The sum of what the processes have."""
        return _summed(own)

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        """The sum of their gradients."""
        return _summed(gradients[0])


def _summed(own: Tensor) -> Tensor:
    whole = own.clone()
    distributed.all_reduce(whole)
    return whole


class WholeBatchNorm(nn.BatchNorm2d):
    """A batch norm whose mean and variance in training are those of all processes' examples together."""

    @classmethod
    def put_into(cls, network: nn.Module) -> nn.Module:
        """Every batch norm of a network made one of these, in place; weights and their names stay."""
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = cls
        return network

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) of this process, normalised by what all processes have of the batch."""
        if not self.training or not distributed.is_initialized():
            return super().forward(images)
        count = _summed(torch.tensor([images.numel() / images.shape[1]], device=images.device))
        mean_C: Tensor = _Sum.apply(images.sum((0, 2, 3))) / count
        centred = images - mean_C.view(1, -1, 1, 1)
        variance_C: Tensor = _Sum.apply(centred.square().sum((0, 2, 3))) / count
        self._remember(mean_C.detach(), variance_C.detach() * count / (count - 1))
        scaled: Tensor = centred * torch.rsqrt(variance_C + self.eps).view(1, -1, 1, 1)
        return scaled * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)

    def _remember(self, mean_C: Tensor, variance_C: Tensor) -> None:
        """The running statistics, as torch keeps them."""
        share = 0.1 if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean_C), (self.running_var, variance_C)):
            if running is not None:
                running.lerp_(new, share)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
