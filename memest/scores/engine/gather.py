"""One epoch's scores gathered by example id, on the device, until the pass is over.

Axes: N examples of the set, B of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.errors import UnseenError

Values = NDArray[np.float32]
Reduction = Callable[[dict[str, Tensor]], dict[str, Tensor]]
"""Sums columns, by key, over the processes that each saw a part of the examples."""
_VISITS = "visits"


class Rows:
    """Values by example id: batches come in any order, columns leave in the order of `ids`.

    Args:
        ids: (N,) int64, unique: the order of everything that `take` returns.
        device: where the batches are.
        repeats: allow examples that come more than once in an epoch: the mean of their visits counts.
    """

    def __init__(self, ids: NDArray[np.int64], device: torch.device, repeats: bool = False) -> None:
        self._count, self._repeats = len(ids), repeats
        self._device = device
        sorted_ids, order = torch.sort(torch.tensor(ids).to(device))
        self._sorted_ids_N, self._order_N = sorted_ids, order
        # Two places more than there are examples, so that neither spoils anybody's values: the first takes
        # the ids of no example, the second the visits that do not count.
        self._visits = torch.zeros(self._count + 2, dtype=torch.int32, device=device)
        self._sums: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return self._count

    def put(self, ids_B: Tensor, columns: Mapping[str, Tensor], counted_B: Tensor | None = None) -> None:
        """Keep one batch: each column (B,) belongs to `ids_B`. Nothing is brought to the host.

        Args:
            ids_B: int64; they may be on the host, where a data loader leaves them.
            columns: values by key.
            counted_B: which of them count; all, if it is not given.
        """
        positions = self.positions(ids_B)
        if counted_B is not None:
            positions = torch.where(counted_B, positions, self._count + 1)
        self._visits.index_add_(0, positions, torch.ones_like(positions, dtype=torch.int32))
        for key, values in columns.items():
            if key not in self._sums:  # −0 is what a sum can begin with and keep the sign of every value
                self._sums[key] = torch.full((self._count + 2,), -0.0, device=self._device)
            self._sums[key].index_add_(0, positions, values.detach().float())

    def positions(self, ids_B: Tensor) -> Tensor:
        """Where examples stand in the order of the ids, (B,) int64; N for an id of no example."""
        ids_B = ids_B.to(self._device, non_blocking=True).contiguous()
        place = torch.searchsorted(self._sorted_ids_N, ids_B).clamp_(max=self._count - 1)
        known = self._sorted_ids_N[place] == ids_B
        return torch.where(known, self._order_N[place], self._count)

    @property
    def empty(self) -> bool:
        """Whether no batch has come since the last `take`."""
        return not self._sums

    def take(self, partial: bool = False, reduction: Reduction | None = None) -> dict[str, Values]:
        """The finished columns, (N,) float32 each, in the order of the ids; the rows are then empty.

        Args:
            partial: allow examples that no batch delivered; their values are NaN.
            reduction: where other processes have the other examples: sums columns over the processes.

        Raises:
            UnseenError: an example was not delivered, or more than once where `repeats` is not set, or an id
                is not of this set; the rows are empty then, too.
        """
        return self.take_counted(partial, reduction)[0]

    def take_counted(
        self, partial: bool = False, reduction: Reduction | None = None
    ) -> tuple[dict[str, Values], NDArray[np.int32]]:
        """What `take` gives, and how often each example came, (N,).

        Raises:
            UnseenError: as `take`.
        """
        whole = self._sums | {_VISITS: self._visits}
        if reduction is not None:
            whole = reduction(whole)
        counts = whole.pop(_VISITS).cpu().numpy()
        columns = {key: sums[:-2].cpu().numpy() for key, sums in whole.items()}
        visits, foreign = counts[:-2].copy(), int(counts[-2])
        self.clear()
        self._require_whole(visits, foreign, partial)
        with np.errstate(invalid="ignore"):
            return {key: _mean(sums, visits) for key, sums in columns.items()}, visits

    def clear(self) -> None:
        """Forget every batch since the last `take`."""
        self._sums = {}
        self._visits.zero_()

    def _require_whole(self, visits: NDArray[np.int32], foreign: int, partial: bool) -> None:
        again = 0 if self._repeats else int((visits > 1).sum())
        missing = 0 if partial else int((visits == 0).sum())
        if again or foreign or missing:
            raise UnseenError(
                f"each of {self._count} examples must be delivered once in an epoch; {(visits == 0).sum()} "
                f"were not, {(visits > 1).sum()} came more than once, and {foreign} deliveries had an id "
                "of no example; pass the ids of the set you score, and no padding; Recorder(partial=True) "
                "allows epochs that leave examples out"
            )


def _mean(sums: Values, visits: NDArray[np.int32]) -> Values:
    """The mean of the visits, (N,) float32; NaN where there was none."""
    return np.where(visits > 0, sums / np.maximum(visits, 1).astype(np.float32), np.float32(np.nan))
