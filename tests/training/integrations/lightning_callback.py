"""The Lightning callback: whose logits it takes, and two processes that train together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples_run import ENOUGH, changed_share
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from two_ranks import in_two_processes

pytest.importorskip("lightning")

from lightning.pytorch import LightningModule, Trainer

from memest.errors import DataError
from memest.integrations.lightning import CSLCallback
from memest.recorder import Recorder

COUNT, CLASSES = 21, 3


class Linear(LightningModule):
    """Logits of five values; `way` is how training_step gets them."""

    def __init__(self, way: str = "forward", rate: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.way, self.rate = nn.Linear(5, CLASSES), way, rate

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: list[Tensor], number: int) -> Any:
        x, y, _ = batch
        logits = self(x) if self.way == "forward" else self.net(x)
        loss = functional.cross_entropy(logits, y)
        return {"loss": loss, "logits": logits.detach()} if self.way == "returned" else loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), self.rate)


def examples() -> TensorDataset:
    """Twenty-one points of three classes, with their ids."""
    x = torch.randn(COUNT, 5, generator=torch.Generator().manual_seed(1))
    return TensorDataset(x, torch.arange(COUNT) % CLASSES, torch.arange(COUNT))


def fit(module: Linear, size: int, epochs: int, submodule: str = "", **settings: Any) -> Recorder:
    """Train in the order of the examples; what was recorded."""
    callback = CSLCallback(Recorder(COUNT), module=submodule)
    trainer = Trainer(
        accelerator="cpu", max_epochs=epochs, callbacks=[callback], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, **settings,
    )  # fmt: skip
    trainer.fit(module, DataLoader(examples(), size))
    return callback.recorder


@pytest.mark.parametrize(("way", "submodule"), [("forward", ""), ("returned", ""), ("submodule", "net")])
def test_logits_are_those_that_the_loss_is_made_of(way: str, submodule: str) -> None:
    """Of `forward`, of `training_step` or of a submodule: the losses of a network that does not move."""
    module = Linear(way, rate=0.0)
    recorder = fit(module, 8, 2, submodule, devices=1)
    x, y, _ = examples().tensors
    expected = functional.cross_entropy(module.net(x), y, reduction="none").detach()
    _, losses = recorder.recording.reader().trace("seen/loss")
    np.testing.assert_allclose(losses, [expected.numpy()] * 2, rtol=1e-5)


def test_logits_that_pass_by_are_missed_with_the_way_out() -> None:
    """A submodule that nobody named: the message names both remedies."""
    with pytest.raises(DataError, match=r"module='net'"):
        fit(Linear("submodule"), 8, 1, devices=1)


def in_rank(rank: int, folder: Path) -> None:
    """Half of each batch, without a step; every rank saves, and lists what is suspicious."""
    recorder = fit(Linear(rate=0.0), 4, 2, devices=2, strategy="ddp")
    recorder.save(folder / f"rank{rank}")
    assert len(recorder.suspicious()) == (0 if rank else 20)


def test_two_ranks_record_what_one_records(tmp_path: Path) -> None:
    """Losses by id of a network that does not move; the example that pads the last batch has two visits.

    Rank 0 alone writes.
    """
    in_two_processes(in_rank, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["rank0"]
    both = Recorder.read(tmp_path / "rank0")
    alone = fit(Linear(rate=0.0), 8, 2, devices=1).recording.reader()
    np.testing.assert_allclose(both.trace("seen/loss")[1], alone.trace("seen/loss")[1], rtol=1e-5)
    assert np.sort(both.trace("seen/visits")[1], 1).tolist() == [[1] * (COUNT - 1) + [2]] * 2


def test_the_example_finds_what_it_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Run last, as a person would."""
    assert changed_share("lightning_digits", capsys) >= ENOUGH
