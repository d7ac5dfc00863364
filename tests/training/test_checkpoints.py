"""Checkpoints: what they bring back, that they execute nothing, and which epochs are kept."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from digits_training import CPU, SHORT, Setting, equal, timeless, weights

from memest.errors import InputError, SheetError
from memest.models import build_model
from memest.training import (
    EPOCHS,
    Recipe,
    checkpoint,
)


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
