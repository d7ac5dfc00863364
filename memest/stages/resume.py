"""What a run needs to go on after an epoch, as bytes. Depends on everything below the stages.

Tensors and plain values only, read with `weights_only=True`: no code in the file is ever executed. A point
that is damaged, planted or of another version is dropped with a warning, and the run starts anew.
"""

from __future__ import annotations

from typing import Any

import torch

from memest.errors import SheetError
from memest.store import SheetWriter
from memest.tracking import ResumePoint
from memest.train import checkpoint

FORMAT = 1


def pack(key: str, sheet: SheetWriter, training: dict[str, Any] | None = None) -> bytes:
    """The state of a run after an epoch.

    Args:
        key: of the run.
        sheet: being written.
        training: what `EpochEnd.state()` gives, if the run trains.
    """
    rows = torch.frombuffer(bytearray(sheet.state()), dtype=torch.uint8)
    return checkpoint.pack(_marks(key) | {"sheet": rows, "training": training})


def restore(point: ResumePoint, key: str, sheet: SheetWriter, device: torch.device) -> dict[str, Any] | None:
    """Put a sheet back to where it was; the training state to go on from. None: from the beginning."""
    content = point.load()
    if content is None:
        return None
    try:
        state = checkpoint.unpack(content, device)
        marks = {name: state.get(name) for name in _marks(key)}
        if marks != _marks(key):
            raise SheetError(f"it is of {marks}, not of {_marks(key)}")
        sheet.restore(state["sheet"].cpu().numpy().tobytes())
    except (SheetError, AttributeError, KeyError, TypeError) as error:
        point.refuse(f"{error}")
        return None
    training: dict[str, Any] | None = state["training"]
    return training


def _marks(key: str) -> dict[str, Any]:
    return {"format": FORMAT, "key": key, "torch": str(torch.__version__)}
