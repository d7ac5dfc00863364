"""Two processes record what one records."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from memest.errors import MemestError
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


def work(rank: int, port: int, folder: Path) -> None:
    """Every second example; the first one twice, as a sampler that pads has it. Then NaN in one rank."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    recorder = Recorder(COUNT)
    ids = torch.tensor([*range(rank, COUNT, 2), *([0] if rank else [])])
    clean = recorder.clean_pass([(logits()[ids], ids % 3, ids)])
    seen = record(recorder, ids.tolist())
    np.testing.assert_array_equal(clean["loss"], seen["seen/loss"])
    with pytest.raises(MemestError, match="not finite at epoch 2 for 1 examples"):
        recorder.update(logits()[ids].where(ids[:, None] != 1, torch.nan), ids % 3, ids)
        recorder.end_epoch()
    table = recorder.suspicious(COUNT)
    recorder.save(folder / f"rank{rank}")
    assert len(table) == (0 if rank else COUNT)
    if rank == 0:
        np.savez(folder / "found.npz", loss=seen["seen/loss"], probability=table["probability"])
    distributed.destroy_process_group()


def test_two_ranks_record_what_one_records(tmp_path: Path) -> None:
    """The same losses by id and the same suggestions; what was padded in counts once in the mean.

    What rank 0 refuses is refused in both, and rank 0 alone writes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.start_processes(work, (port, tmp_path), nprocs=2, start_method="fork")
    assert {path.name for path in tmp_path.iterdir()} == {"rank0", "found.npz"}
    alone = Recorder(COUNT)
    seen = record(alone, list(range(COUNT)))
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_allclose(found["loss"], seen["seen/loss"], rtol=1e-6)
    np.testing.assert_allclose(found["probability"], alone.suspicious(COUNT)["probability"], rtol=1e-5)
