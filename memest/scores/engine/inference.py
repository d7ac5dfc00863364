"""The network made ready for scoring: frozen, its batch norms folded away, in the layout that is fast.

In evaluation mode a batch norm is a fixed affine map and can be multiplied into the convolution before it;
values stay the same to float32 rounding (a test holds them to it).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients for the weights; both are put back afterwards."""
    modes = {module: module.training for module in network.modules()}
    asking = [weight for weight in network.parameters() if weight.requires_grad]
    network.eval()
    for weight in asking:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in asking:
            weight.requires_grad_(True)
        for module, mode in modes.items():
            module.training = mode


def full_precision() -> AbstractContextManager[None]:
    """Float32 without TF32: curvature is a small difference, and a short mantissa would drown it."""
    return tf32(allowed=False)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether a GPU may round the factors of float32 products to ten bits; put back afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def folded(network: nn.Module) -> nn.Module:
    """A copy of a frozen network without batch norms, channels last; the network itself if it cannot be.

    Tracing runs the network's own code on stand-ins for tensors. A network that looks at the shape or values
    of its input can raise anything there, which means only that it has to be used as it is.
    """
    try:
        copy: nn.Module = fuse(network)
    except Exception:
        return network
    for weight in copy.parameters():
        weight.requires_grad_(False)
    return copy.to(memory_format=torch.channels_last)
