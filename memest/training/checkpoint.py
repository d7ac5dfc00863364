"""Checkpoints: the network after an epoch, as bytes.

They hold tensors and plain values only and are read with `weights_only=True`: no code in a checkpoint
is ever executed.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import torch

from memest.errors import SheetError
from memest.grammar.registry import Registry
from memest.grammar.values import Count

# What reading damaged bytes raises: a flipped bit can turn one pickle instruction into any other.
_DAMAGE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
)

EPOCHS: Registry[Callable[..., bool]] = Registry("choice of epochs")


@EPOCHS.register
def none(epoch: int, epochs: int) -> bool:
    """No epoch."""
    return False


@EPOCHS.register
def last(epoch: int, epochs: int) -> bool:
    """The last epoch only."""
    return epoch == epochs


@EPOCHS.register
def all(epoch: int, epochs: int) -> bool:
    """Every epoch, the untouched network's included."""
    return True


@EPOCHS.register
def every(epoch: int, epochs: int, *, k: Count) -> bool:
    """Every k-th epoch, counted from 0, and the last."""
    return epoch % k == 0 or epoch == epochs


_FOLDER = "checkpoint/"


def name(epoch: int) -> str:
    """The artifact that holds the network after `epoch`."""
    return f"{_FOLDER}epoch-{epoch:06d}.pt"


def epochs_in(names: Iterable[str]) -> list[int]:
    """The epochs whose networks are among the artifacts, sorted."""
    kept = [name for name in names if name.startswith(_FOLDER)]
    return sorted(int(name.rpartition("-")[2].removesuffix(".pt")) for name in kept)


def pack(state: dict[str, Any]) -> bytes:
    """The bytes of a checkpoint: tensors and plain values."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def unpack(content: bytes, device: torch.device) -> dict[str, Any]:
    """The state in a checkpoint.

    Raises:
        SheetError: it is damaged, or holds anything but tensors and plain values.
    """
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except _DAMAGE as error:
        # torch's own message is not repeated: it advises to read the file with code execution allowed.
        raise SheetError(
            f"a checkpoint of {len(content)} bytes cannot be read as tensors and plain values "
            f"({type(error).__name__}): it is damaged or not one of memest's; fetch it again from its run"
        ) from error
    return state
