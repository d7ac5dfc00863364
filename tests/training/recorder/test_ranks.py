"""Two processes record what one records."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from memest.recorder import Recorder

COUNT = 11


def logits() -> torch.Tensor:
    """Eleven examples of three classes."""
    return torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(0))


def record(recorder: Recorder, ids: list[int]) -> dict[str, np.ndarray]:
    """One epoch of these examples."""
    chosen = torch.tensor(ids)
    recorder.update(logits()[chosen], chosen % 3, chosen)
    return recorder.end_epoch()


def work(rank: int, port: int, folder: str) -> None:
    """Every second example; the first one twice, as a sampler that pads has it."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    recorder = Recorder(COUNT)
    ids = list(range(rank, COUNT, 2)) + ([0] if rank else [])
    seen = record(recorder, ids)
    if rank == 0:
        table = recorder.suspicious(COUNT)
        np.savez(Path(folder) / "found.npz", loss=seen["seen/loss"], probability=table["probability"])
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_record_what_one_records(tmp_path: Path) -> None:
    """The same losses by id and the same suggestions; what was padded in counts once in the mean."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(work, (port, str(tmp_path)), nprocs=2)
    alone = Recorder(COUNT)
    seen = record(alone, list(range(COUNT)))
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_allclose(found["loss"], seen["seen/loss"], rtol=1e-6)
    np.testing.assert_allclose(found["probability"], alone.suspicious(COUNT)["probability"], rtol=1e-5)
