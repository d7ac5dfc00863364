"""The recorder in Transformers: `watch(trainer)` before `trainer.train()`.

recorder = watch(trainer)
trainer.train()
print(recorder.suspicious(20))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils.data import Dataset

from memest.errors import DataError, SettingError
from memest.recorder import Recorder

try:
    from transformers import TrainerCallback
except ImportError as missing:
    raise SettingError(
        "memest.integrations.transformers needs Transformers: pip install 'memest[transformers]'"
    ) from missing

ID = "memest_id"
"""What the ids are called between the dataset and the loss."""


def watch(trainer: Any, recorder: Recorder | None = None) -> Recorder:
    """Record every training batch of a `Trainer`, which trains as it would; evaluation is left alone.

    Its training set is wrapped so that examples carry their position as id, its collator so that the ids pass
    by it, and its `compute_loss` so that logits are seen and the model gets no ids.

    Args:
        trainer: with a training set that has a length.
        recorder: where to; by default one for all examples, with the class names of the model.

    Raises:
        DataError: the trainer has no training set, or one without a length.
    """
    data = trainer.train_dataset
    if data is None or not hasattr(data, "__len__"):
        raise DataError(
            "watch(trainer) needs a trainer whose train_dataset has a length: ids are positions in it"
        )
    if recorder is None:
        names = getattr(trainer.model.config, "id2label", None) or {}
        recorder = Recorder(len(data), classes=[str(names[k]) for k in sorted(names)])
    trainer.train_dataset = _WithIds(data)
    trainer._set_signature_columns_if_needed()  # what remove_unused_columns leaves
    trainer._signature_columns = [*trainer._signature_columns, ID]
    trainer.data_collator = _around(trainer.data_collator)
    trainer.compute_loss = _recorded(trainer.compute_loss, recorder)
    trainer.add_callback(_EndsEpochs(recorder))
    return recorder


class _WithIds(Dataset[dict[str, Any]]):
    """Mappings with their position under `ID`; whatever else the dataset can do, it still can."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self._data[index]
        if not isinstance(item, Mapping):
            raise DataError(f"items of the training set must be mappings, not {type(item).__name__}")
        return {**item, ID: int(index)}

    def __getattr__(self, name: str) -> Any:
        if name == "_data":
            raise AttributeError(name)
        return getattr(self._data, name)


def _around(collate: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def collated(examples: list[Any]) -> Any:
        if not examples or ID not in examples[0]:
            return collate(examples)
        ids = torch.tensor([example[ID] for example in examples])
        batch = collate([{key: example[key] for key in example if key != ID} for example in examples])
        batch[ID] = ids
        return batch

    return collated


def _recorded(compute_loss: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    def recording(model: Any, inputs: Any, return_outputs: bool = False, **more: Any) -> Any:
        ids = inputs.pop(ID, None)
        if ids is None or not model.training:
            return compute_loss(model, inputs, return_outputs=return_outputs, **more)
        labels = inputs.get("labels")
        if labels is None:
            raise DataError(f"batches have no labels to record (they have {', '.join(inputs)})")
        loss, outputs = compute_loss(model, inputs, return_outputs=True, **more)
        recorder.update(outputs["logits"] if isinstance(outputs, Mapping) else outputs[1], labels, ids)
        return (loss, outputs) if return_outputs else loss

    return recording


class _EndsEpochs(TrainerCallback):  # type: ignore[misc]
    """Closes the recorder's epoch with the trainer's."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Close the epoch."""
        self._recorder.end_epoch()
