"""What the recorder refuses, with which words."""

from __future__ import annotations

import itertools
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recorded_loops import CLASSES, COUNT, IDS, one_batch
from torch import Tensor

from memest.errors import DataError, MemestError, NonFiniteError, SettingError, UnseenError
from memest.recorder import Indexed, Recorder, ranks

BAD_EXAMPLES = {
    "no ids": ({"ids": []}, "number of examples"),
    "an id twice": ({"ids": [1, 2, 1]}, "id 1 is there more than once"),
    "ids that are fractions": ({"ids": [0.5, 1.5]}, "number of examples"),
    "a negative id": ({"ids": [-1, 2]}, "negative"),
    "too few labels": ({"ids": 3, "labels": [0, 1]}, "labels must be 3"),
    "a label beyond the classes": ({"ids": 2, "labels": [0, 5], "classes": ["a", "b"]}, "0 … 1"),
    "too few names": ({"ids": 3, "names": ["a"]}, "names must be 3"),
    "a score that needs gradients": ({"ids": 3, "scores": "curvature"}, "curvature"),
}


@pytest.mark.parametrize("case", BAD_EXAMPLES)
def test_examples_that_cannot_be_are_refused_at_once(case: str) -> None:
    """The message says what is wrong with what was given."""
    given, message = BAD_EXAMPLES[case]
    with pytest.raises(MemestError, match=message):
        Recorder(**given)  # type: ignore[arg-type]


Z = torch.zeros(COUNT, CLASSES)
BAD_BATCHES = {
    "one logit per example": ({"logits": Z[:, :1]}, "two classes"),
    "one number per example": ({"logits": Z[:, 0]}, "two classes"),
    "a map of logits": ({"logits": Z[:, :, None, None]}, "segmentation"),
    "whole-number logits": ({"logits": Z.long()}, "floating-point"),
    "an output object": ({"logits": object()}, "logits"),
    "soft labels": ({"labels": torch.full((COUNT, CLASSES), 0.25)}, "measure"),
    "numbers to regress": ({"labels": torch.zeros(COUNT)}, "regression"),
    "too few labels": ({"labels": torch.zeros(3, dtype=torch.int64)}, "shape"),
    "too few ids": ({"ids": [1, 2]}, "one whole number"),
}


@pytest.mark.parametrize("case", BAD_BATCHES)
def test_batches_that_are_none_are_refused_at_once(case: str) -> None:
    """Shapes and types are known before anything is computed; the way out is named."""
    given, message = BAD_BATCHES[case]
    with pytest.raises(MemestError, match=message):
        one_batch(Recorder(IDS), **given)


def nan_logits() -> Tensor:
    """NaN for two examples."""
    logits = Z.clone()
    logits[[3, 4]] = torch.nan
    return logits


BAD_EPOCHS: dict[str, tuple[dict[str, Any], type[MemestError], str]] = {
    "a label beyond the logits": (
        {"labels": torch.full((COUNT,), CLASSES)},
        DataError,
        "outside the classes",
    ),
    "a negative label": ({"labels": torch.full((COUNT,), -1)}, DataError, "outside the classes"),
    "another label": ({"labels": (torch.arange(COUNT) + 1) % CLASSES}, DataError, "another label"),
    "NaN logits": (
        {"logits": nan_logits()},
        NonFiniteError,
        f"not finite at epoch 2 .*ids {IDS[3]}, {IDS[4]}",
    ),
    "an unknown id": ({"ids": torch.arange(COUNT) + 10**6}, UnseenError, "no example"),
}


@pytest.mark.parametrize("case", BAD_EPOCHS)
def test_an_epoch_that_is_refused_leaves_the_next_one_clean(case: str) -> None:
    """What only the device knows is said at the epoch's end, with ids; the epoch is dropped whole."""
    given, error, message = BAD_EPOCHS[case]
    recorder = Recorder(IDS)
    one_batch(recorder)
    recorder.end_epoch()
    one_batch(recorder, **given)
    with pytest.raises(error, match=message):
        recorder.end_epoch()
    one_batch(recorder)
    recorder.end_epoch()
    assert recorder.epoch == 2


def test_logits_of_another_width_are_refused_at_once() -> None:
    """Classes are those of the first batch, or those that were named."""
    recorder = Recorder(IDS)
    one_batch(recorder)
    with pytest.raises(DataError, match="logits have 5 classes, and 4 were expected"):
        one_batch(recorder, logits=torch.zeros(COUNT, 5))
    with pytest.raises(DataError, match="logits have 4 classes, and 3 were expected"):
        one_batch(Recorder(IDS, classes=["a", "b", "c"]))


@pytest.mark.parametrize("module", ["lightning", "transformers", "keras", "ultralytics"])
def test_a_framework_that_is_not_there_is_named_with_its_extra(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to install stands in the message."""
    for name in (module, "pytorch_lightning", f"memest.integrations.{module}"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingError, match=rf"pip install 'memest\[{module}\]'"):
        import_module(f"memest.integrations.{module}")


def test_text_ids_are_named_as_they_are() -> None:
    """Not by their positions."""
    recorder = Recorder(["cat.png", "dog.png"])
    recorder.update(torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]), [0, 1], ["cat.png", "dog.png"])
    with pytest.raises(NonFiniteError, match=r"ids dog\.png"):
        recorder.end_epoch()


def test_a_clean_pass_that_never_ends_is_refused() -> None:
    """Of a dataset that repeats for ever, whatever gave its batches; the next epoch is clean."""
    recorder = Recorder(2)
    batch = (torch.eye(2), [0, 1], [0, 1])
    with pytest.raises(DataError, match="each of 2 examples once, and these batches go on after 100 times"):
        recorder.clean_pass(itertools.repeat(batch))
    recorder.clean_pass([batch])
    assert recorder.end_epoch()["loss"] == pytest.approx(np.full(2, np.log1p(np.exp(-1))))


def test_many_views_of_an_example_in_a_clean_pass_are_its_mean() -> None:
    """A hundred of each, as of test-time augmentation."""
    recorder = Recorder(2)
    recorder.clean_pass([(torch.eye(2), [0, 1], [0, 1])] * 100)
    assert recorder.end_epoch()["loss"] == pytest.approx(np.full(2, np.log1p(np.exp(-1))))


def test_nan_of_a_clean_pass_alone_is_refused() -> None:
    """It is no example that was not seen: the ids are named, and the next epoch is clean."""
    recorder = Recorder(3)
    broken = torch.tensor([[0.0, 1.0], [1.0, 0.0], [torch.nan, 0.0]])
    recorder.clean_pass([(broken, [1, 0, 1], [0, 1, 2])])
    with pytest.raises(NonFiniteError, match="ids 2"):
        recorder.end_epoch()
    recorder.clean_pass([(broken.nan_to_num(), [1, 0, 1], [0, 1, 2])])
    assert np.isfinite(recorder.end_epoch()["loss"]).all()


def test_examples_that_a_partial_clean_pass_leaves_out_have_not_diverged() -> None:
    """They were seen in the loop and not in the pass: NaN there, and nothing is refused."""
    recorder = Recorder(3, partial=True)
    logits = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    recorder.update(logits, [1, 0, 1], [0, 1, 2])
    recorder.clean_pass([(logits[:2], [1, 0], [0, 1])])
    columns = recorder.end_epoch()
    assert np.isfinite(columns["seen/loss"]).all()
    assert np.isnan(columns["loss"]).tolist() == [False, False, True]


def test_others_hear_of_whatever_fails_in_the_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, too: they wait for word of it, and would wait for ever."""
    heard: list[str] = []

    def from_all(said: str) -> list[str]:
        heard.append(said)
        return [said]

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ranks, "_from_all", from_all)
    with pytest.raises(OSError, match="No space"):
        ranks.by_first(full)
    assert "No space left" in heard[0]


def test_what_cannot_be_yet_is_said() -> None:
    """No batch, no epoch, an example that never came."""
    with pytest.raises(UnseenError, match="no batch"):
        Recorder(3).end_epoch()
    with pytest.raises(UnseenError, match="no epoch has ended"):
        Recorder(3).suspicious()
    recorder = Recorder(COUNT + 1, partial=True)
    one_batch(recorder, ids=torch.arange(COUNT))
    recorder.end_epoch()
    with pytest.raises(UnseenError, match=f"never seen, such as id {COUNT}"):
        recorder.suspicious()


def test_a_sealed_recording_does_not_change(tmp_path: Path) -> None:
    """After `save` nothing can be added, and a folder that holds files takes no other recording."""
    recorder = Recorder(IDS)
    one_batch(recorder)
    recorder.end_epoch()
    recorder.save(tmp_path / "recording")
    with pytest.raises(SettingError, match="sealed"):
        one_batch(recorder)
    with pytest.raises(SettingError, match="new folder"):
        recorder.save(tmp_path / "recording")


def test_datasets_get_ids_and_those_that_swap_examples_are_refused() -> None:
    """`Indexed` appends the position; timm's, which serves the next image for a broken one, is refused."""
    assert Indexed([("a", 0), ("b", 1)])[1] == ("b", 1, 1)
    swapping = type("ImageDataset", (), {"__module__": "timm.data.dataset", "__len__": lambda self: 1})
    with pytest.raises(DataError, match="next image"):
        Indexed(swapping())
