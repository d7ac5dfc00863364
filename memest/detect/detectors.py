"""What ranks examples by suspicion: any summary as it is, and detectors that read something else.

A detector is a function registered in `DETECTORS`; it takes arrays and returns suspicion (N,), higher =
more suspicious. A summary needs no entry here: `rank` turns it the right way round. Depends on numpy,
`registry` and `summaries`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.registry import Registry
from memest.stats import Floats
from memest.summaries import suspicion

DETECTORS: Registry[Callable[..., Floats]] = Registry("detector")


def rank(summary: str, values_N: ArrayLike) -> NDArray[np.integer[Any]]:
    """Positions of the examples from the most suspicious down, (N,); tied examples stay in their order.

    Args:
        summary: the summary that the values are of, such as `aum`; it declares which way is harder.
        values_N: its values, (N,).

    Raises:
        InputError: no such summary, or a setting it does not have.
    """
    return np.argsort(-suspicion(summary, values_N), kind="stable")
