"""What a training cannot do without, refused before it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from memest.errors import SettingError
from memest.loading import smallest_batch


def require_trainable(
    network: Callable[[], nn.Module],
    shape: tuple[int, int, int],
    counts: Iterable[int],
    batch_size: int,
    processes: int = 1,
) -> None:
    """Refuse batches that are too small for the processes that share them, or for the network's batch norms.

    A batch norm takes its statistics over the examples of a batch and the positions of a channel. One example
    whose images have shrunk to one position leaves it a single value, which it cannot normalise.

    Args:
        network: makes an untrained network; called only where a batch of one example occurs.
        shape: (C, H, W) of an image.
        counts: how many examples an epoch has, in each training.
        batch_size: examples in a batch; the last one may have fewer.
        processes: how many share each batch.

    Raises:
        SettingError: the smallest batch has no example for a process, or the network cannot train on it.
    """
    smallest, count = min((smallest_batch(count, batch_size), count) for count in counts)
    if smallest < processes:
        raise SettingError(
            f"{processes} processes need an example each of every batch; {count:,} in batches of "
            f"{batch_size} leave {smallest} for the last: choose another --batch-size or fewer processes"
        )
    if smallest > 1:
        return
    try:
        with torch.no_grad():
            network().train()(torch.zeros(1, *shape))
    except ValueError as error:
        raise SettingError(
            f"{count:,} images in batches of {batch_size} leave a batch of one, and this network cannot "
            f"train on one image of {shape[1]} × {shape[2]} ({error}); use a --batch-size of 2 or more"
        ) from error
