"""What a run computes on: the device, and how many threads of the CPU.

Both follow from the configuration and the machine, never from how busy the machine is. The number of threads
decides the order of sums, and so the last bits of the scores: it is a tag of the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from memest.errors import SettingError


def choose_device(name: str) -> torch.device:
    """The device called `name`; `auto` is the GPU if there is one.

    Raises:
        SettingError: `cuda` was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("--device cuda: torch finds no GPU here; use --device auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Only operations that give the same bits every time on one device; the setting is put back."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


MOST = "MEMEST_MAX_THREADS"
"""Threads that a run may use where several share a machine; not set: all cores."""
_SMALL = 4e6
"""Operations of one image's forward pass: below that a second thread waits more than it helps."""


def choose_threads(network: nn.Module, shape: tuple[int, ...], device: torch.device) -> int:
    """Threads for training and scoring a network.

    Args:
        network: on the CPU; it is run once, in evaluation mode, and left as it was.
        shape: (H, W, C) of an image.
        device: where it will compute; on a GPU the threads decide nothing.

    Returns:
        `OMP_NUM_THREADS` where it is set; 1 for a network that is small at this image size; else all cores,
        at most `MEMEST_MAX_THREADS`.
    """
    present = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ or device.type != "cpu":
        return present
    most = min(present, int(os.environ.get(MOST, present)))
    return 1 if most == 1 or _operations(network, shape) < _SMALL else most


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """A block that computes with so many threads; the number is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _operations(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Floating-point operations of one image's forward pass: those of convolutions and linear layers."""
    height, width, channels = shape
    total = 0

    def add(layer: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        if isinstance(weight, Tensor) and isinstance(output, Tensor):
            total += 2 * weight.numel() * output.numel() // len(weight)

    layers = [layer for layer in network.modules() if isinstance(layer, (nn.modules.conv._ConvNd, nn.Linear))]
    handles = [layer.register_forward_hook(add) for layer in layers]
    training = network.training
    network.eval()(torch.zeros(1, channels, height, width))
    network.train(training)
    for handle in handles:
        handle.remove()
    return total
