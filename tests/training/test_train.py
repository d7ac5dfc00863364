"""Training: what the generator yields, that it is repeatable to the bit, and that it can be gone on with."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from digits_training import COUNT, SHORT, Diary, Setting, equal, timeless, weights
from torch import nn

from memest.models.base import average_head
from memest.training import (
    Recipe,
    loss_and_accuracy,
    weight_norm,
)

METRICS = {
    "train/loss",
    "train/accuracy",
    "test/loss",
    "test/accuracy",
    "weight_norm",
    "images_per_second",
    "learning_rate",
}


def global_generators() -> Any:
    """The states of torch's and numpy's global generators, comparable."""
    _, words, position, *_ = np.random.get_state()
    return torch.get_rng_state().tolist(), list(words), position


def test_yields_the_untouched_network_and_then_every_epoch() -> None:
    """Epochs are 0 … E, in order."""
    assert [end.epoch for end in Setting().train(SHORT)] == [0, 1, 2, 3, 4]


def test_epoch_0_is_the_untouched_network() -> None:
    """At epoch 0 the weights are those built from the seed and nothing was seen; at epoch 1 they moved."""
    setting, diary = Setting(), Diary()
    ends = setting.train(SHORT, diary)
    first = next(ends)
    assert equal(first.network.state_dict(), setting.network().state_dict())
    assert diary.batches == []
    assert not equal(next(ends).network.state_dict(), setting.network().state_dict())


def test_the_network_yielded_is_the_one_trained() -> None:
    """No copy is made: the caller's network is trained in place."""
    setting = Setting()
    network = setting.network()
    assert all(end.network is network for end in setting.train(SHORT, network=network))


def test_what_the_caller_does_to_the_mode_does_not_matter() -> None:
    """A caller that leaves the network in eval mode between epochs gets the same training."""
    *_, expected = Setting().train(SHORT)
    for end in Setting().train(SHORT):
        end.network.eval()
    assert equal(end.network.state_dict(), expected.network.state_dict())


def test_metrics_are_those_promised() -> None:
    """Every epoch has the documented keys, finite; epoch 0 has only what needs no training batch."""
    first, *others = Setting().train(SHORT)
    assert set(first.metrics) == {"test/loss", "test/accuracy", "weight_norm"}
    for end in others:
        assert set(end.metrics) == METRICS
        assert all(math.isfinite(value) for value in end.metrics.values())
        assert end.metrics["images_per_second"] > 0


def test_training_metrics_are_means_over_the_training_batches() -> None:
    """train/loss and train/accuracy are those of the logits that were seen, as they were seen."""
    diary = Diary()
    ends = Setting().train(SHORT, diary)
    next(ends)
    for end in ends:
        logits, labels, _ = diary.take()
        rows = logits.double().numpy()
        losses = np.log(np.exp(rows).sum(1)) - rows[np.arange(COUNT), labels.numpy()]
        assert end.metrics["train/loss"] == pytest.approx(losses.mean(), rel=1e-5)
        assert end.metrics["train/accuracy"] == pytest.approx(
            (rows.argmax(1) == labels.numpy()).mean(), rel=1e-6
        )


def test_the_observer_sees_every_example_once_per_epoch() -> None:
    """Each epoch delivers every id exactly once, with the label trained on, in an order of its own."""
    setting, diary, orders = Setting(), Diary(), []
    label_of = dict(zip(setting.images.ids.tolist(), setting.images.labels.tolist(), strict=True))
    ends = setting.train(SHORT, diary)
    next(ends)
    for _ in ends:
        assert [len(ids) for _, _, ids in diary.batches] == [32, 32, 32, 33]
        _, labels, ids = diary.take()
        assert sorted(ids.tolist()) == sorted(label_of)
        assert labels.tolist() == [label_of[identity] for identity in ids.tolist()]
        orders.append(ids.tolist())
    assert len({tuple(order) for order in orders}) == SHORT.epochs


def test_the_observer_sees_logits_before_the_step() -> None:
    """The first batch's logits are those of the untouched network in train mode, detached."""
    setting, diary = Setting(), Diary()
    network = setting.network().train()
    batch = next(setting.training.training_batches(32, 1, "auto", setting.streams))
    list(setting.train(replace(SHORT, epochs=1), diary))
    assert not diary.batches[0][0].requires_grad
    torch.testing.assert_close(diary.batches[0][0], network(batch.images).detach())


def test_the_same_seed_gives_the_same_bits() -> None:
    """Two runs of one seed have identical metrics at every epoch and identical weights at the end."""
    runs = []
    for _ in range(2):
        torch.rand(5)  # what else draws from the global generator does not matter
        ends = [(timeless(end), weights(end.network)) for end in Setting().train(SHORT)]
        runs.append(ends)
    for (one, one_weights), (other, other_weights) in zip(*runs, strict=True):
        assert one == other
        assert equal(one_weights, other_weights)


def test_another_seed_gives_another_network() -> None:
    """The seed is used: weights differ from the start."""
    assert not equal(Setting(3).network().state_dict(), Setting(4).network().state_dict())


def test_training_leaves_the_global_generators_alone() -> None:
    """Whoever draws from torch's or numpy's global generator gets the same numbers beside a training run."""
    before = global_generators()
    list(Setting().train(SHORT))
    assert global_generators() == before


def test_the_corruption_seed_moves_labels_only() -> None:
    """Under another corruption seed labels differ; initial weights, batch order and augmentation do not."""
    settings = Setting(3), Setting(3, corruption=9)
    diaries = [Diary(), Diary()]
    for setting, diary in zip(settings, diaries, strict=True):
        assert equal(setting.network().state_dict(), settings[0].network().state_dict())
        list(setting.train(replace(SHORT, lr=1e-30), diary))  # so that logits show nothing but the images
    (logits, labels, ids), (other_logits, other_labels, other_ids) = (diary.take() for diary in diaries)
    assert torch.equal(ids, other_ids)
    assert torch.equal(logits, other_logits)
    assert not torch.equal(labels, other_labels)


def test_evaluate_is_a_plain_loop() -> None:
    """Loss and accuracy on the test set equal those taken one image at a time, in evaluation mode."""
    setting = Setting()
    *_, end = setting.train(SHORT)
    network = copy.deepcopy(end.network).eval()
    losses, hits = [], []
    for batch in setting.testing.batches(1):
        with torch.no_grad():
            row = network(batch.images)[0].double().numpy()
        losses.append(np.log(np.exp(row).sum()) - row[batch.labels.item()])
        hits.append(row.argmax() == batch.labels.item())
    assert len(losses) == 50
    assert end.metrics["test/loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert end.metrics["test/accuracy"] == pytest.approx(np.mean(hits))


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_changes_nothing(training: bool) -> None:
    """Mode, weights and batch-norm statistics are as before."""
    setting = Setting()
    network = setting.network().train(training)
    before = weights(network)
    loss_and_accuracy(network, setting.testing)
    assert all(module.training == training for module in network.modules())
    assert equal(network.state_dict(), before)


def test_weight_norm_is_that_of_all_parameters_together() -> None:
    """‖w‖₂ of the parameters end to end, in float64; batch-norm statistics are not weights."""
    network = Setting().network()
    flat = np.concatenate([p.detach().double().numpy().ravel() for p in network.parameters()])
    assert weight_norm(network) == pytest.approx(np.linalg.norm(flat), rel=1e-6)


def test_bfloat16_and_channels_last_train() -> None:
    """Faster arithmetic and layout on the CPU: observed logits are float32 and near those of fp32."""
    exact, fast = Diary(), Diary()
    recipe = replace(SHORT, epochs=1)
    list(Setting().train(recipe, exact))
    *_, end = Setting().train(replace(recipe, precision="bf16", channels_last=True), fast)
    assert all(math.isfinite(value) for value in end.metrics.values())
    assert fast.batches[0][0].dtype == torch.float32
    assert not torch.equal(fast.batches[0][0], exact.batches[0][0])
    torch.testing.assert_close(fast.batches[0][0], exact.batches[0][0], rtol=0.05, atol=0.05)


@pytest.mark.slow
def test_compiled_training_trains_alike() -> None:
    """torch.compile changes speed, not results beyond rounding, and the network stays the caller's own."""
    recipe = Recipe(epochs=1, batch_size=COUNT // 3)  # equal batches: compiling once takes long enough
    tiny = Setting().network()
    network = nn.Sequential(tiny[0], average_head(4, 10))  # one of its three blocks has every kind of layer
    *_, plain = Setting().train(recipe, network=copy.deepcopy(network))
    *_, compiled = Setting().train(replace(recipe, compile=True), network=network)
    assert compiled.network is network
    assert set(compiled.metrics) == METRICS
    assert compiled.network.state_dict().keys() == plain.network.state_dict().keys()
    for key in ("train/loss", "test/loss", "weight_norm"):
        assert compiled.metrics[key] == pytest.approx(plain.metrics[key], rel=1e-3)
