"""What the other processes under torchrun do: the same training and scoring, of their share.

They compute in step with rank 0, and store and track nothing.
"""

from __future__ import annotations

from typing import Any

from memest.runs.config import TrainConfig
from memest.runs.epochs import measured_epochs
from memest.runs.prepare import prepare
from memest.train import ProcessGroup, checkpoint


def lead(group: ProcessGroup, config: TrainConfig, state: dict[str, Any] | None) -> None:
    """Broadcast what the other ranks are to train, and the state to go on from."""
    if group.size > 1:
        group.broadcast((config, checkpoint.pack(state) if state else None))


def follow(group: ProcessGroup) -> None:
    """Train and score this rank's share of what rank 0 leads; return when it has nothing (more) to do."""
    message = group.broadcast()
    if message is None:
        return
    config, packed = message
    prepared = prepare(config, group.size)
    with prepared.computing():
        state = checkpoint.unpack(packed, prepared.device) if packed else None
        for _ in measured_epochs(prepared, prepared.load(group), prepared.network(), state, group):
            pass
    group.broadcast()  # rank 0 has stored everything
