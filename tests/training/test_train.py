"""Training: what the generator yields, that it is repeatable to the bit, and that it can be gone on with."""

from __future__ import annotations

import copy
import io
import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from memest.data import corrupt, load_images
from memest.errors import InputError, SheetError
from memest.loading import Loader
from memest.models import build_model
from memest.seeding import Streams
from memest.train import (
    EPOCHS,
    EpochEnd,
    Recipe,
    checkpoint,
    learning_rate,
    loss_and_accuracy,
    train_epochs,
    weight_norm,
)

CPU = torch.device("cpu")
COUNT = 129  # after batches of 32 one example is left over, and joins the batch before it
METRICS = {
    "train/loss",
    "train/accuracy",
    "test/loss",
    "test/accuracy",
    "weight_norm",
    "images_per_second",
    "learning_rate",
}


class Diary:
    """Keeps every training batch's logits, labels and ids."""

    def __init__(self) -> None:
        self.batches: list[tuple[Tensor, Tensor, Tensor]] = []

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Write one batch down."""
        self.batches.append((logits.clone(), labels.clone(), ids.clone()))

    def take(self) -> tuple[Tensor, Tensor, Tensor]:
        """The batches since the last call, end to end."""
        logits, labels, ids = zip(*self.batches, strict=True)
        self.batches = []
        return torch.cat(logits), torch.cat(labels), torch.cat(ids)


class Setting:
    """129 digits with a tenth of the labels wrong, and 50 to test on."""

    def __init__(self, seed: int = 3, corruption: int | None = None) -> None:
        split, self.streams = load_images("digits"), Streams(seed, corruption=corruption)
        self.images, _ = corrupt(
            split.train.take(np.arange(COUNT)), "symmetric_noise(rate=0.1)", self.streams
        )
        statistics = self.images.statistics()
        self.training = Loader(self.images, statistics, CPU)
        self.testing = Loader(split.test.take(np.arange(50)), statistics, CPU)

    def network(self) -> nn.Module:
        """The untouched network of this seed."""
        return build_model("tiny(width=4)", 1, 10, self.streams.seed("weights"))

    def train(
        self, recipe: Recipe, observer: Any = None, network: nn.Module | None = None, state: Any = None
    ) -> Any:
        """The generator under test."""
        return train_epochs(
            self.network() if network is None else network,
            [self.training],
            self.testing,
            recipe,
            self.streams,
            Diary() if observer is None else observer,
            state,
        )


SHORT = Recipe(epochs=4, batch_size=32)


def weights(network: nn.Module) -> dict[str, Tensor]:
    """A copy of weights and batch-norm statistics."""
    return copy.deepcopy(network.state_dict())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two networks are the same to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def global_generators() -> Any:
    """The states of torch's and numpy's global generators, comparable."""
    _, words, position, *_ = np.random.get_state()
    return torch.get_rng_state().tolist(), list(words), position


def timeless(end: EpochEnd) -> dict[str, float]:
    """The metrics that the clock does not decide."""
    return {key: value for key, value in end.metrics.items() if key != "images_per_second"}


# ---------------------------------------------------------------- what is yielded


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


# ---------------------------------------------------------------- repeatable, to the bit


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


@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(SHORT, id="plain"),
        pytest.param(replace(SHORT, channels_last=True, schedule="one_cycle"), id="channels_last, one_cycle"),
    ],
)
def test_going_on_from_a_checkpoint_ends_with_the_same_bits(at: int, recipe: Recipe) -> None:
    """A run that died after epoch k and went on from its checkpoint cannot be told from one that did not.

    The checkpoint travels as bytes, into a network that was built from another seed.
    """
    setting = Setting()
    whole = []
    for end in setting.train(recipe):
        if end.epoch == at:
            content = checkpoint.pack(end.state())
        whole.append((timeless(end), weights(end.network)))
    stranger = build_model("tiny(width=4)", 1, 10, seed=99)
    rest = [
        (timeless(end), weights(end.network))
        for end in setting.train(recipe, network=stranger, state=checkpoint.unpack(content, CPU))
    ]
    assert len(rest) == recipe.epochs - at
    for (metrics, network), (expected_metrics, expected) in zip(rest, whole[at + 1 :], strict=True):
        assert metrics == expected_metrics
        assert equal(network, expected)


# ---------------------------------------------------------------- learning rate


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 0.1), (120, 0.1), (121, 0.01), (180, 0.01), (181, 0.001), (200, 0.001)]
)
def test_the_papers_schedule(epoch: int, rate: float) -> None:
    """With the defaults: 0.1 through epoch 120, 0.01 through 180, then 0.001, at first and last step."""
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.momentum, recipe.weight_decay) == (200, 128, 0.9, 1e-4)
    for step in (0, 390):  # of the 391 steps of an epoch of CIFAR
        progress = (epoch - 1 + step * 128 / 50_000) / 200
        assert learning_rate(recipe, progress) == pytest.approx(rate)


def test_the_schedule_is_followed() -> None:
    """The rate that epochs are trained with, of ten: six at 0.1, three at 0.01, one at 0.001."""
    ends = Setting().train(Recipe(epochs=10, batch_size=64))
    rates = [end.metrics["learning_rate"] for end in ends if end.epoch]
    assert rates == pytest.approx([0.1] * 6 + [0.01] * 3 + [0.001])


def test_drops_can_be_moved() -> None:
    """The released code's drops, epochs 120 and 160 of 200, and another factor."""
    recipe = Recipe(schedule="steps(at_second=0.8, factor=0.5)")
    assert [learning_rate(recipe, epoch / 200) for epoch in (119, 120, 159, 160)] == pytest.approx(
        [0.1, 0.05, 0.05, 0.025]
    )


@pytest.mark.parametrize(
    ("progress", "rate"), [(0, 0), (0.125, 0.2), (0.25, 0.4), (0.625, 0.2), (0.8125, 0.1), (1, 0)]
)
def test_one_cycle_rises_and_falls_in_straight_lines(progress: float, rate: float) -> None:
    """From zero to the peak at `warmup`, and back to zero at the end."""
    assert learning_rate(Recipe(lr=0.4, schedule="one_cycle(warmup=0.25)"), progress) == pytest.approx(rate)


# ---------------------------------------------------------------- evaluation


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


# ---------------------------------------------------------------- how it is computed


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
    *_, plain = Setting().train(recipe)
    *_, compiled = Setting().train(replace(recipe, compile=True))
    assert set(compiled.metrics) == METRICS
    assert compiled.network.state_dict().keys() == plain.network.state_dict().keys()
    for key in ("train/loss", "test/loss", "weight_norm"):
        assert compiled.metrics[key] == pytest.approx(plain.metrics[key], rel=1e-3)


# ---------------------------------------------------------------- checkpoints


class Planted:
    """An object whose pickle, when executed, opens a file for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    ("write", "execute"),
    [
        pytest.param(
            checkpoint.pack, lambda content: torch.load(io.BytesIO(content), weights_only=False), id="torch"
        ),
        pytest.param(pickle.dumps, pickle.loads, id="plain pickle"),
    ],
)
def test_a_checkpoint_never_executes_code(write: Any, execute: Any, tmp_path: Path) -> None:
    """A planted callable is refused, and what it would have done is not done."""
    path = tmp_path / "planted"
    content = write({"epoch": 1, "network": Planted(path)})
    with pytest.raises(SheetError, match="plain values"):
        checkpoint.unpack(content, CPU)
    assert not path.exists()
    execute(content)
    assert path.exists(), "the plant was harmless, so refusing it proved nothing"


def test_a_damaged_checkpoint_is_an_error_of_ours() -> None:
    """Cut short, or anything else than a checkpoint, it is a `SheetError`, whatever torch raised."""
    content = checkpoint.pack({"epoch": 1, "network": {"w": torch.ones(20, 20)}})
    for length in range(0, len(content), 61):
        with pytest.raises(SheetError):
            checkpoint.unpack(content[:length], CPU)
    for other in (b"hello", b"\x80", b"PK\x03\x04", bytes(100), b"1.", b'{"epoch": 1}'):
        with pytest.raises(SheetError):
            checkpoint.unpack(other, CPU)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_flipped_bits_never_end_in_another_error() -> None:
    """Whatever bits are flipped, reading either works or is a `SheetError`: nothing else gets out."""
    content = checkpoint.pack({"epoch": 1, "network": {"w": torch.ones(5)}, "optimizer": {"lr": [0.1]}})
    rng, refused = np.random.default_rng(0), 0
    for _ in range(1000):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        try:
            checkpoint.unpack(bytes(damaged), CPU)
        except SheetError:
            refused += 1
    assert refused > 100


def test_a_checkpoint_brings_back_what_was_packed() -> None:
    """Weights, momentum and epoch survive the way through bytes."""
    *_, end = Setting().train(SHORT)
    state, back = end.state(), checkpoint.unpack(checkpoint.pack(end.state()), CPU)
    assert back["epoch"] == 4
    assert equal(back["network"], state["network"])
    momenta = [entry["momentum_buffer"] for entry in back["optimizer"]["state"].values()]
    assert len(momenta) == len(list(end.network.parameters()))
    for momentum, entry in zip(momenta, state["optimizer"]["state"].values(), strict=True):
        assert torch.equal(momentum, entry["momentum_buffer"])


def test_the_artifact_of_an_epoch_can_be_told_from_its_name() -> None:
    """Name and epoch are each other's inverse, and names sort as epochs do."""
    names = [checkpoint.name(epoch) for epoch in (0, 9, 10, 200)]
    assert names == sorted(names)
    assert checkpoint.epochs_in([*names, "sheet/trained.parquet"]) == [0, 9, 10, 200]


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ("none", []),
        ("last", [7]),
        ("all", list(range(8))),
        ("every(k=3)", [0, 3, 6, 7]),
        ("every(k=9)", [0, 7]),
    ],
)
def test_epochs_kept(spec: str, kept: list[int]) -> None:
    """Which of epochs 0 … 7 each choice keeps."""
    assert [epoch for epoch in range(8) if EPOCHS.call(spec, epoch, 7)] == kept


@pytest.mark.parametrize("spec", ["every", "every(k=0)", "some"])
def test_a_choice_of_epochs_that_cannot_be_is_refused(spec: str) -> None:
    """An unknown choice, or one without its number, is an error before training."""
    with pytest.raises(InputError):
        EPOCHS.parse(spec)
