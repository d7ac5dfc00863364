"""A watched Transformers trainer trains as it would, and every example is seen once an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples_run import ENOUGH, changed_share
from torch import Tensor
from two_ranks import in_two_processes

pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from memest.errors import DataError
from memest.integrations.transformers import watch
from memest.recorder import Recorder

COUNT = 22


def examples() -> list[dict[str, Any]]:
    """Twenty-two short sentences of two classes, with a column that no model takes."""
    words = torch.randint(0, 30, (COUNT, 5), generator=torch.Generator().manual_seed(0))
    return [{"input_ids": w, "labels": n % 2, "source": n} for n, w in enumerate(words)]


def trainer(folder: Path, **settings: Any) -> Trainer:
    """One layer, two epochs."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    arguments = TrainingArguments(
        str(folder), num_train_epochs=2, per_device_train_batch_size=4, report_to=[], save_strategy="no",
        logging_strategy="no", disable_tqdm=True, use_cpu=True, **settings,
    )  # fmt: skip
    data = examples() if settings.get("remove_unused_columns", True) else [_without(e) for e in examples()]
    return Trainer(
        BertForSequenceClassification(config), arguments, train_dataset=data, eval_dataset=data[:6]
    )


def _without(example: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in example.items() if key != "source"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"remove_unused_columns": False},
        {"gradient_accumulation_steps": 3},
        {"label_smoothing_factor": 0.1},
    ],
    ids=["as it is", "unused columns stay", "accumulation", "label smoothing"],
)
def test_training_is_untouched_and_every_example_is_seen_once(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    """The same weights with and without, two epochs of 22 losses, the dataset's labels; evaluation works."""
    weights: list[list[Tensor]] = []
    for watched in (True, False):
        one = trainer(tmp_path, **settings)
        if watched:
            recorder = watch(one)
        one.train()
        weights.append([weight.detach() for weight in one.model.parameters()])
        assert np.isfinite(one.evaluate()["eval_loss"])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
    _, losses = recorder.recording.reader().trace("seen/loss")
    assert losses.shape == (2, COUNT)
    np.testing.assert_array_equal(recorder.observed.labels, np.arange(COUNT) % 2)


def test_a_trainer_without_a_training_set_is_refused(tmp_path: Path) -> None:
    """The message says what is needed."""
    one = trainer(tmp_path)
    one.train_dataset = None
    with pytest.raises(DataError, match="train_dataset"):
        watch(one)


def in_rank(rank: int, folder: Path) -> None:
    """Half of the examples, without a step; every rank saves."""
    one = trainer(folder, learning_rate=0.0)
    recorder = watch(one)
    one.train()
    recorder.save(folder / f"rank{rank}")


def test_two_ranks_record_what_one_records(tmp_path: Path) -> None:
    """Losses by id of a network that does not move; those that pad the last batch have more visits.

    Rank 0 alone writes.
    """
    in_two_processes(in_rank, tmp_path)
    assert [path.name for path in tmp_path.glob("rank*")] == ["rank0"]
    one = trainer(tmp_path, learning_rate=0.0)
    alone = watch(one)
    one.train()
    both, expected = Recorder.read(tmp_path / "rank0"), alone.recording.reader()
    np.testing.assert_allclose(both.trace("seen/loss")[1], expected.trace("seen/loss")[1], rtol=1e-5)
    assert both.trace("seen/visits")[1].sum() > 2 * COUNT


def test_the_example_finds_what_it_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Run last, as a person would."""
    assert changed_share("transformers_text", capsys) >= ENOUGH
