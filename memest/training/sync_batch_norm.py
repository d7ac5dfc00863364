"""Batch norm over all shares of a batch, where torch has none: on the CPU.

`torch.nn.SyncBatchNorm` is the same for GPUs. In evaluation mode, and in one process, it is an ordinary
batch norm.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn


class _AllReduce(torch.autograd.Function):
    """A sum over the processes; its gradient is the sum of the gradients of all processes."""

    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        """The sum of the tensors of all processes."""
        return _summed(own)

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        """The sum of the gradients of all processes."""
        return _summed(gradients[0])


def _summed(own: Tensor) -> Tensor:
    whole = own.clone()
    distributed.all_reduce(whole)
    return whole


class SyncBatchNorm(nn.BatchNorm2d):
    """A batch norm whose mean and variance in training are those of all processes' examples together."""

    @classmethod
    def convert(cls, network: nn.Module) -> nn.Module:
        """The network, each batch norm replaced by one of these, in place; weights and their names stay."""
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = cls
        return network

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) of this process, normalised by the statistics of the whole batch."""
        if not self.training or not distributed.is_initialized():
            return super().forward(images)
        count = _summed(torch.tensor([images.numel() / images.shape[1]], device=images.device))
        mean_C: Tensor = _AllReduce.apply(images.sum((0, 2, 3))) / count
        centred = images - mean_C.view(1, -1, 1, 1)
        variance_C: Tensor = _AllReduce.apply(centred.square().sum((0, 2, 3))) / count
        self._update_running(mean_C.detach(), variance_C.detach() * count / (count - 1))
        scaled: Tensor = centred * torch.rsqrt(variance_C + self.eps).view(1, -1, 1, 1)
        return scaled * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)

    def _update_running(self, mean_C: Tensor, variance_C: Tensor) -> None:
        """Update the running statistics as torch does."""
        share = 0.1 if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean_C), (self.running_var, variance_C)):
            if running is not None:
                running.lerp_(new, share)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
