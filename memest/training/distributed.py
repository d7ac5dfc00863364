"""Several processes train one network on the same batches, a share of each.

    torchrun --nproc-per-node=2 -m entrypoints.train …

Every process holds all images and draws the same order and augmentation. Of each batch it takes every n-th
example; gradients are summed, batch norms see the whole batch. So what n processes compute is what one
does, to float32 rounding, and no example is padded in twice. For one process nothing here does anything.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from memest.loading import Batch, Loader
from memest.training.sync_batch_norm import SyncBatchNorm


@dataclass
class ProcessGroup:
    """The processes that train together.

    Attributes:
        rank: of this process; rank 0 alone stores and tracks.
        size: how many processes there are.
        begun: whether anything was broadcast.
    """

    rank: int = 0
    size: int = 1
    begun: bool = False

    def share(self, batch: Batch) -> Batch:
        """This process's examples of a batch."""
        mine = slice(self.rank, None, self.size)
        return batch if self.size == 1 else Batch(batch.images[mine], batch.labels[mine], batch.ids[mine])

    def shares(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """This process's examples of each batch that has any for it."""
        return (share for share in map(self.share, batches) if len(share.labels))

    def synchronise_batch_norms(self, network: nn.Module) -> nn.Module:
        """The network with batch norms over the whole batch: torch's own on GPUs."""
        if self.size == 1:
            return network
        if next(network.parameters()).is_cuda:
            synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
            return synchronised
        return SyncBatchNorm.convert(network)

    def mean(self, losses: Tensor, count: int) -> Tensor:
        """This process's part of the mean loss of a batch of `count` examples."""
        return losses.mean() if self.size == 1 else losses.sum() / count

    def all_reduce_gradients(self, network: nn.Module) -> None:
        """Sum the gradients over the processes, in place: one message for all weights."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def all_reduce(self, numbers: Tensor) -> Tensor:
        """Numbers summed over the processes, in place."""
        if self.size > 1:
            distributed.all_reduce(numbers)
        return numbers

    @property
    def reduction(self) -> Callable[[dict[str, Tensor]], dict[str, Tensor]] | None:
        """`all_reduce_columns`; None for one process."""
        return self.all_reduce_columns if self.size > 1 else None

    def all_reduce_columns(self, columns: dict[str, Tensor]) -> dict[str, Tensor]:
        """Columns summed over the processes, by key; a process that lacks a key adds zeros to it.

        Args:
            columns: all of one length, zero where this process saw no example.
        """
        kinds: list[Any] = [None] * self.size
        distributed.all_gather_object(kinds, {key: column.dtype for key, column in columns.items()})
        some = next(iter(columns.values()))
        dtypes = {key: dtype for kind in kinds for key, dtype in kind.items()}
        return {
            key: self.all_reduce(columns.get(key, torch.zeros(len(some), dtype=dtype, device=some.device)))
            for key, dtype in sorted(dtypes.items())
        }

    def broadcast(self, message: Any = None) -> Any:
        """The message of rank 0, on every rank; all ranks call this."""
        if self.size == 1:
            return message
        self.begun = True
        messages = [message]
        distributed.broadcast_object_list(messages)
        return messages[0]


ALONE = ProcessGroup()


@dataclass(frozen=True)
class LoaderShare:
    """This process's examples of a loader's batches.

    Attributes:
        loader: of all examples.
        group: the processes that share its batches.
    """

    loader: Loader
    group: ProcessGroup

    @property
    def ids(self) -> NDArray[np.int64]:
        """Those of all examples, (N,)."""
        return self.loader.ids

    @property
    def device(self) -> torch.device:
        """Where the examples are."""
        return self.loader.device

    def batches(self, size: int) -> Iterator[Batch]:
        """This process's examples of every batch of `size`."""
        return self.group.shares(self.loader.batches(size))


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """The group that torchrun started this process in: gloo on the CPU, nccl on GPUs; else one process.

    A process that dies takes all others with it: torchrun ends them.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        yield ALONE
        return
    gpus = torch.cuda.device_count()
    if gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % gpus)
    # Its default arguments are the group there is when it is imported, as deterministic algorithms do later:
    # a group that is held so outlives `destroy_process_group`, and its threads abort the process at its end.
    importlib.import_module("torch.distributed.nn.functional")
    distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo")
    try:
        yield ProcessGroup(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
