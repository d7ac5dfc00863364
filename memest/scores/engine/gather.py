"""One epoch's scores gathered by example id, on the device, until the pass is over.

Depends on torch and numpy. Axes: N examples of the set, B of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.errors import UnseenError

Values = NDArray[np.float32]
Add = Callable[[dict[str, Tensor]], dict[str, Tensor]]
"""Sums columns over the processes that each saw a part of the examples, by key."""
_VISITS = "visits"


class Rows:
    """Values by example id: batches come in any order, columns leave in the order of `ids`.

    Args:
        ids: (N,) int64, unique: the order of everything that `take` returns.
        device: where the batches are.
    """

    def __init__(self, ids: NDArray[np.int64], device: torch.device) -> None:
        self._count = len(ids)
        self._device = device
        sorted_ids, order = torch.sort(torch.tensor(ids).to(device))
        self._sorted_ids_N, self._order_N = sorted_ids, order
        # One place more than there are examples: ids of no example go there and spoil nobody's values.
        self._visits = torch.zeros(self._count + 1, dtype=torch.int32, device=device)
        self._columns: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return self._count

    def put(self, ids_B: Tensor, columns: Mapping[str, Tensor]) -> None:
        """Keep one batch: each column (B,) belongs to `ids_B`. Nothing is brought to the host.

        The ids may be on the host, where a data loader leaves them.
        """
        positions = self.positions(ids_B)
        self._visits.index_add_(0, positions, torch.ones_like(positions, dtype=torch.int32))
        for key, values in columns.items():
            if key not in self._columns:
                self._columns[key] = torch.full((self._count + 1,), torch.nan, device=self._device)
            self._columns[key][positions] = values.detach().float()

    def positions(self, ids_B: Tensor) -> Tensor:
        """Where examples stand in the order of the ids, (B,) int64; N for an id of no example."""
        ids_B = ids_B.to(self._device, non_blocking=True).contiguous()
        place = torch.searchsorted(self._sorted_ids_N, ids_B).clamp_(max=self._count - 1)
        known = self._sorted_ids_N[place] == ids_B
        return torch.where(known, self._order_N[place], self._count)

    @property
    def empty(self) -> bool:
        """Whether no batch has come since the last `take`."""
        return not self._columns

    def take(self, partial: bool = False, add: Add | None = None) -> dict[str, Values]:
        """The finished columns, (N,) float32 each, in the order of the ids; the rows are then empty.

        Args:
            partial: allow examples that no batch delivered; their values are NaN.
            add: where other processes have the other examples: what brings all together.

        Raises:
            UnseenError: an example was not delivered exactly once, or an id is not of this set.
        """
        if add is not None:
            self._add(add)
        counts = self._visits.cpu().numpy()
        visits, foreign = counts[:-1], counts[-1]
        if (visits > 1).any() or foreign or (not partial and (visits == 0).any()):
            raise UnseenError(
                f"each of {self._count} examples must be delivered once in an epoch; {(visits == 0).sum()} "
                f"were not, {(visits > 1).sum()} came more than once, and {foreign} deliveries had an id "
                "of no example; pass the ids of the set you score, and no padding"
            )
        columns = {key: values[:-1].cpu().numpy() for key, values in self._columns.items()}
        self._columns = {}
        self._visits.zero_()
        return columns

    def _add(self, add: Add) -> None:
        unseen = self._visits == 0
        own = {key: column.masked_fill(unseen, 0) for key, column in self._columns.items()}
        whole = add(own | {_VISITS: self._visits})
        self._visits.copy_(whole.pop(_VISITS))
        nowhere = self._visits == 0
        self._columns = {key: column.masked_fill(nowhere, torch.nan) for key, column in whole.items()}
