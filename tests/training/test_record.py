"""The recorder, in a plain PyTorch loop that knows nothing else of memest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from memest.errors import SettingError, UnknownNameError, UnseenError
from memest.scores import KINDS, SCORES, OnlineScores

COUNT = 50
IDS = np.random.default_rng(0).permutation(1000)[:COUNT]
Watch = Callable[[Tensor, Tensor, Tensor], Any]


def data() -> TensorDataset:
    """Fifty points of 12 values in four classes, each with its id."""
    points = torch.randn(COUNT, 12, generator=torch.Generator().manual_seed(1))
    return TensorDataset(points, torch.arange(COUNT) % 4, torch.from_numpy(IDS))


def network() -> nn.Module:
    """Two layers, batch norm among them, so that logits in train mode depend on the batch."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))


def train(model: nn.Module, watch: Watch, epochs: int = 1, drop_last: bool = False) -> Iterator[int]:
    """Anyone's training loop; `watch` is the line that they add."""
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(data(), batch_size=8, shuffle=True, drop_last=drop_last, generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(1, epochs + 1):
        for points, labels, ids in loader:
            logits = model(points)
            watch(logits, labels, ids)
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels).backward()
            optimizer.step()
        yield epoch


class Notes:
    """Keeps whatever the network said, by id, as float64."""

    def __init__(self) -> None:
        self.logits: dict[int, Any] = {}

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Write each row down under its id."""
        for row, identity in zip(logits.detach().double().numpy(), ids.tolist(), strict=True):
            self.logits[identity] = row


def test_seen_loss_is_the_cross_entropy_of_the_logits_that_were_seen() -> None:
    """At every epoch each example's value is −log p(label) of the very logits training made for it."""
    recorder, notes = OnlineScores(IDS, "loss"), Notes()
    label_of = dict(zip(IDS.tolist(), (np.arange(COUNT) % 4).tolist(), strict=True))

    def watch(*batch: Tensor) -> None:
        recorder.see(*batch)
        notes.see(*batch)

    for _ in train(network(), watch, epochs=3):
        z = [notes.logits[identity] for identity in IDS.tolist()]
        expected = [
            np.log(np.exp(row).sum()) - row[label_of[i]] for row, i in zip(z, IDS.tolist(), strict=True)
        ]
        seen = recorder.take()
        assert list(seen) == ["seen/loss"]
        assert seen["seen/loss"].dtype == np.float32
        np.testing.assert_allclose(seen["seen/loss"], expected, rtol=1e-5, atol=1e-6)


def test_recording_does_not_change_training() -> None:
    """A network trained under observation ends with the same bits as one that was not."""
    watched, alone, recorder = network(), network(), OnlineScores(IDS, "logits")
    assert all(torch.equal(a, b) for a, b in zip(watched.parameters(), alone.parameters(), strict=True))
    list(train(watched, recorder.see))
    list(train(alone, lambda *batch: None))
    assert all(torch.equal(a, b) for a, b in zip(watched.parameters(), alone.parameters(), strict=True))


def test_every_free_score_can_be_recorded() -> None:
    """`logits` records all scores made from logits, finite, under `seen/`."""
    recorder = OnlineScores(IDS, "logits")
    list(train(network(), recorder.see))
    seen = recorder.take()
    assert set(seen) == {f"seen/{key}" for key in SCORES if KINDS[key].source == "logits"}
    for values in seen.values():
        assert values.shape == (COUNT,)
        assert np.isfinite(values).all()


def test_half_precision_logits_are_recorded() -> None:
    """Logits in bfloat16, as autocast makes them, give float32 scores."""
    recorder = OnlineScores(IDS, "logits")
    recorder.see(torch.zeros(COUNT, 4).bfloat16(), torch.arange(COUNT) % 4, torch.from_numpy(IDS))
    np.testing.assert_allclose(recorder.take()["seen/loss"], np.log(4), rtol=1e-6)


def test_take_empties_the_recorder() -> None:
    """What was taken is not given twice, and the next epoch starts anew without touching it."""
    recorder, model = OnlineScores(IDS, "loss"), network()
    epochs = train(model, recorder.see, epochs=2)
    next(epochs)
    first = recorder.take()["seen/loss"]
    kept = copy.deepcopy(first)
    assert recorder.take() == {}
    next(epochs)
    second = recorder.take()["seen/loss"]
    np.testing.assert_array_equal(first, kept)
    assert (first != second).any()


def test_epoch_0_saw_nothing() -> None:
    """Before any training there is nothing to take: no row, rather than zeros or NaN."""
    assert OnlineScores(IDS, "logits").take() == {}
    assert OnlineScores(IDS, "logits", partial=True).take() == {}


def test_dropped_examples_are_nan_where_that_is_allowed() -> None:
    """A loader that drops its last batch leaves NaN for just the two examples it dropped."""
    recorder, notes = OnlineScores(IDS, "loss", partial=True), Notes()

    def watch(*batch: Tensor) -> None:
        recorder.see(*batch)
        notes.see(*batch)

    list(train(network(), watch, drop_last=True))
    dropped = ~np.isin(IDS, list(notes.logits))
    assert dropped.sum() == 2
    np.testing.assert_array_equal(np.isnan(recorder.take()["seen/loss"]), dropped)


def test_dropped_examples_are_an_error_otherwise() -> None:
    """Unless it was asked for, an epoch that leaves examples out is refused, not averaged over."""
    recorder = OnlineScores(IDS, "loss")
    list(train(network(), recorder.see, drop_last=True))
    with pytest.raises(UnseenError, match="2 were not"):
        recorder.take()


@pytest.mark.parametrize("partial", [False, True])
def test_two_epochs_without_take_are_an_error(partial: bool) -> None:
    """A forgotten `take` is noticed: the second epoch does not silently overwrite the first."""
    recorder = OnlineScores(IDS, "loss", partial=partial)
    list(train(network(), recorder.see, epochs=2))
    with pytest.raises(UnseenError, match="came more than once"):
        recorder.take()


@pytest.mark.parametrize("scores", ["curvature", "loss, input_gradient(norm=1)"])
def test_a_score_that_needs_gradients_is_refused(scores: str) -> None:
    """Only what comes free with training can be recorded; the message names what does not."""
    with pytest.raises(SettingError, match=scores.split(", ")[-1].split("(")[0]):
        OnlineScores(IDS, scores)


def test_an_unknown_score_is_refused() -> None:
    """A misspelled score is an error when the recorder is made, not after an epoch."""
    with pytest.raises(UnknownNameError, match="did you mean 'loss'"):
        OnlineScores(IDS, "los")
