"""Several processes train one network on the same batches, a share of each. Depends on torch and `data`.

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

import torch
from torch import Tensor, distributed, nn

from memest.errors import SettingError
from memest.loading import Batch
from memest.train.whole_batch_norm import WholeBatchNorm


@dataclass
class Team:
    """The processes that train together.

    Attributes:
        rank: which of them this is; 0 leads: it alone stores and tracks.
        size: how many there are.
        told: whether the leader has said something.
    """

    rank: int = 0
    size: int = 1
    told: bool = False

    def share(self, batch: Batch) -> Batch:
        """This process's examples of a batch."""
        mine = slice(self.rank, None, self.size)
        return batch if self.size == 1 else Batch(batch.images[mine], batch.labels[mine], batch.ids[mine])

    def shares(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """This process's examples of each batch that has any for it."""
        return (share for share in map(self.share, batches) if len(share.labels))

    def require_shares(self, counts: Iterable[int], batch: int) -> None:
        """Refuse a batch size that leaves a process without an example.

        Args:
            counts: how many examples an epoch has, in each stage.
            batch: how many a batch has; the last one may have fewer.

        Raises:
            SettingError: the last batch has fewer than there are processes.
        """
        for count in counts:
            last = count % batch
            smallest = batch if last < 2 else last  # a last batch of one joins the batch before it
            if smallest < self.size:
                raise SettingError(
                    f"{self.size} processes need an example each of every batch; {count:,} in batches of "
                    f"{batch} leave {smallest} for the last: choose another --batch-size or fewer processes"
                )

    def prepared(self, network: nn.Module) -> nn.Module:
        """The network with batch norms over the whole batch: torch's own on GPUs."""
        if self.size == 1:
            return network
        if next(network.parameters()).is_cuda:
            synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
            return synchronised
        return WholeBatchNorm.put_into(network)

    def mean(self, losses: Tensor, count: int) -> Tensor:
        """This process's part of the mean loss of a batch of `count` examples."""
        return losses.mean() if self.size == 1 else losses.sum() / count

    def add_gradients(self, network: nn.Module) -> None:
        """Sum the gradients of all parts, in place: one message for all weights."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def add(self, numbers: Tensor) -> Tensor:
        """Numbers summed over the processes, in place."""
        if self.size > 1:
            distributed.all_reduce(numbers)
        return numbers

    @property
    def adding(self) -> Callable[[dict[str, Tensor]], dict[str, Tensor]] | None:
        """`add_columns`, where there is more than one process."""
        return self.add_columns if self.size > 1 else None

    def add_columns(self, columns: dict[str, Tensor]) -> dict[str, Tensor]:
        """Columns summed over the processes, by key; a process that has none of a key adds nothing to it.

        Args:
            columns: all of one length, zero where this process saw no example.
        """
        kinds: list[Any] = [None] * self.size
        distributed.all_gather_object(kinds, {key: column.dtype for key, column in columns.items()})
        some = next(iter(columns.values()))
        dtypes = {key: dtype for kind in kinds for key, dtype in kind.items()}
        return {
            key: self.add(columns.get(key, torch.zeros(len(some), dtype=dtype, device=some.device)))
            for key, dtype in sorted(dtypes.items())
        }

    def tell(self, what: Any) -> None:
        """Say something to all others; the leader's part of `hear`."""
        self.told = True
        if self.size > 1:
            distributed.broadcast_object_list([what])

    def hear(self) -> Any:
        """What the leader says."""
        heard: list[Any] = [None]
        distributed.broadcast_object_list(heard)
        return heard[0]


ALONE = Team()


@contextmanager
def joined() -> Iterator[Team]:
    """The team that torchrun started this process in: gloo on the CPU, nccl on GPUs; else one process.

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
        yield Team(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
