"""What a run needs to go on after an epoch, as bytes.

Tensors and plain values only, read with `weights_only=True`: no code in the file is ever executed. A point
that is damaged, planted or of another version is dropped with a warning, and the run starts anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from memest.errors import SheetError
from memest.store import SheetWriter
from memest.tracking import ResumePoint
from memest.training import checkpoint

FORMAT = 1


@dataclass(frozen=True)
class Restored:
    """Where a run was; nothing, for one that begins.

    Attributes:
        training: the state to train on from.
        costs: seconds spent so far, as `Costs.state()` gave them.
    """

    training: dict[str, Any] | None = None
    costs: dict[str, float] = field(default_factory=dict)


def pack(
    key: str,
    sheet: SheetWriter,
    training: dict[str, Any] | None = None,
    costs: dict[str, float] | None = None,
) -> bytes:
    """The state of a run after an epoch.

    Args:
        key: of the run.
        sheet: being written.
        training: what `EpochEnd.state()` gives, if the run trains.
        costs: what `Costs.state()` gives, if it trains.
    """
    rows = torch.frombuffer(bytearray(sheet.state()), dtype=torch.uint8)
    return checkpoint.pack(_marks(key) | {"sheet": rows, "training": training, "costs": costs or {}})


def restore(
    point: ResumePoint,
    key: str,
    sheet: SheetWriter,
    device: torch.device,
    check: Callable[[dict[str, Any] | None], object] = lambda training: None,
) -> Restored:
    """Put a sheet back to where it was, and say where training was.

    Args:
        point: of the run.
        key: of the run.
        sheet: to put back.
        device: for the state of training.
        check: raises a SheetError where training cannot go on from a state: the run then starts anew.
    """
    content = point.load()
    if content is None:
        return Restored()
    try:
        state = checkpoint.unpack(content, device)
        marks = {name: state.get(name) for name in _marks(key)}
        if marks != _marks(key):
            raise SheetError(f"it is of {marks}, not of {_marks(key)}")
        restored = Restored(state["training"], state["costs"])
        check(restored.training)
        sheet.restore(state["sheet"].cpu().numpy().tobytes())
    except (SheetError, AttributeError, KeyError, TypeError) as error:
        point.refuse(f"{error}")
        return Restored()
    return restored


def keep_again(sheet: SheetWriter, restored: Restored, kept: Callable[[int], bool]) -> None:
    """Keep the network of the point's epoch: the point is saved before that, and does not know of it.

    Args:
        kept: whether an epoch is one of those whose network is kept.
    """
    if restored.training is not None and kept(restored.training["epoch"]):
        sheet.keep(checkpoint.name(restored.training["epoch"]), checkpoint.pack(restored.training))


def _marks(key: str) -> dict[str, Any]:
    return {"format": FORMAT, "key": key, "torch": str(torch.__version__)}
