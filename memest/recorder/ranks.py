"""The processes that train together, where torch.distributed was started; one process otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed

from memest.errors import MemestError


def size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if _several() else 1


def is_first() -> bool:
    """Whether this process is the one that writes."""
    return not _several() or distributed.get_rank() == 0


def by_first(work: Callable[[], None]) -> None:
    """Do something in the first process alone, and fail in all where it fails.

    Raises:
        Exception: there what `work` raises, in the others a MemestError that says it.
    """
    refused: Exception | None = None
    if is_first():
        try:
            work()
        except Exception as error:  # the others wait for word, whatever it is
            refused = error
    said = _from_all("" if refused is None else str(refused) or type(refused).__name__)[0]
    if refused:
        raise refused
    if said:
        raise MemestError(f"rank 0: {said}")


def add(numbers: Tensor) -> Tensor:
    """Numbers summed over the processes, in place."""
    if size() > 1:
        distributed.all_reduce(numbers)
    return numbers


def largest(numbers: Tensor) -> Tensor:
    """The largest of each number over the processes, in place."""
    if size() > 1:
        distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return numbers


def anywhere(flag: bool) -> bool:
    """Whether it holds in any process."""
    return any(_from_all(flag))


def add_columns(columns: dict[str, Tensor]) -> dict[str, Tensor]:
    """Columns summed over the processes, by key; a process that has none of a key adds nothing to it."""
    if size() == 1:
        return columns
    like = next(iter(columns.values()))
    dtypes = {
        key: dtype
        for kinds in _from_all({k: c.dtype for k, c in columns.items()})
        for key, dtype in kinds.items()
    }
    blank = {key: torch.zeros(len(like), dtype=dtype, device=like.device) for key, dtype in dtypes.items()}
    return {key: add(columns.get(key, blank[key])) for key in sorted(dtypes)}


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _from_all(value: Any) -> list[Any]:
    if not _several():
        return [value]
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values
