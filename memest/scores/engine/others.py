"""Labels other than those a network was trained on, by name and example id.

Measuring against them is possible only on purpose: a score that does so says it in its key, as
`loss(labels=true)`. Axes: N examples of the set, B of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.errors import SettingError
from memest.grammar.spec import GIVEN
from memest.scores.engine.gather import Rows


class OtherLabels:
    """Further labels of a pass, looked up by id.

    Args:
        rows: of the same examples: they give the position of an id.
        known: (N,) int64 each, in the order of the rows' ids, by name.
        device: where the batches are.

    Raises:
        SettingError: there is not one label for each example.
    """

    def __init__(self, rows: Rows, known: Mapping[str, NDArray[np.int64]], device: torch.device) -> None:
        self._rows = rows
        self._labels: dict[str, Tensor] = {}
        for name, labels in known.items():
            if labels.shape != (len(rows),):
                raise SettingError(f"labels={name} must be {len(rows)}, one for each example")
            beyond = np.append(labels, 0)  # an id of no example has a place of its own, as in the rows
            self._labels[name] = torch.from_numpy(beyond).to(device)

    def require(self, names: Sequence[str]) -> None:
        """Refuse scores against labels that are not known.

        Raises:
            SettingError: naming the labels that are.
        """
        for name in names:
            if name not in self._labels:
                raise SettingError(
                    f"a score asks for labels={name}, and there are no such labels here (there are: "
                    f"{', '.join([GIVEN, *self._labels])})"
                )

    def of(self, ids_B: Tensor) -> dict[str, Tensor]:
        """The labels of one batch, (B,) by name."""
        if not self._labels:
            return {}
        place = self._rows.positions(ids_B)
        return {name: labels[place] for name, labels in self._labels.items()}
