"""What ranks examples by suspicion: any summary, turned the right way round. Depends on `summaries`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.summaries import suspicion


def rank(summary: str, values_N: ArrayLike) -> NDArray[np.integer[Any]]:
    """Positions of the examples from the most suspicious down, (N,); tied examples stay in their order.

    Args:
        summary: the summary that the values are of, such as `aum`; it declares which way is harder.
        values_N: its values, (N,).

    Raises:
        InputError: no such summary, or a setting it does not have.
    """
    return np.argsort(-suspicion(summary, values_N), kind="stable")
