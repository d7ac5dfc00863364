"""One batch as a loop has it, read into what scores need, or refused with the way out.

Only shapes and types are looked at here, which the host knows: nothing waits for the device. Axes: B examples
of the batch, K classes, T tokens of a sequence.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from memest.errors import DataError
from memest.scores import ScoreSet

IGNORED = -100
"""The label that torch's cross-entropy leaves out."""


@dataclass(frozen=True, eq=False)
class ReadBatch:
    """Logits and labels of a batch, safe to compute with.

    Attributes:
        logits: (B, K), or (B, T, K) for sequences of tokens.
        labels: (B,) or (B, T) int64; ignored ones and those out of range are replaced by 0.
        known: (B,) or (B, T) bool: neither ignored nor out of range.
        wrong: (B,) bool: a label is out of range.
    """

    logits: Tensor
    labels: Tensor
    known: Tensor
    wrong: Tensor

    @property
    def tokens(self) -> bool:
        """Whether every example is a sequence of tokens."""
        return self.logits.ndim == 3

    @property
    def counted(self) -> Tensor:
        """(B,) bool: the examples with a label that counts."""
        return self.known.any(1) if self.tokens else self.known


def columns_of(scores: ScoreSet, batch: ReadBatch) -> dict[str, Tensor]:
    """Every logit score of a batch, (B,) by key; of sequences the mean over the tokens that count."""
    if not batch.tokens:
        return scores.from_logits(batch.logits, batch.labels)
    flat = scores.from_logits(batch.logits.flatten(0, 1), batch.labels.flatten())
    count_B = batch.known.sum(1).clamp(min=1)
    shaped = {key: values.view(batch.labels.shape) for key, values in flat.items()}
    return {key: values_BT.where(batch.known, 0).sum(1) / count_B for key, values_BT in shaped.items()}


def read_batch(logits: Any, labels: Any, classes: int) -> ReadBatch:
    """A batch of classification, or of tokens.

    Args:
        logits: (B, K), or (B, T, K), before the softmax.
        labels: (B,), or (B, T), class numbers; −100 is left out.
        classes: K where it is known, else 0.

    Raises:
        DataError: anything else: one logit per example, soft labels, several labels, regression.
    """
    logits, labels = _tensor(logits, "logits"), _tensor(labels, "labels")
    if not logits.is_floating_point():
        raise DataError(f"logits must be floating-point numbers, not {logits.dtype}")
    if logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1):
        raise DataError(
            f"logits of shape {tuple(logits.shape)} are one number for each example: for two classes give "
            "two, torch.stack([torch.zeros_like(z), z], 1); regression has no classes to be wrong about"
        )
    if logits.ndim > 3:
        raise DataError(
            f"logits must be (B, K), or (B, T, K) for tokens, not {tuple(logits.shape)}: segmentation has no "
            "single label for an example"
        )
    _require_hard(logits, labels)
    if labels.shape != logits.shape[:-1]:
        raise DataError(
            f"labels must have shape {tuple(logits.shape[:-1])} for logits of shape {tuple(logits.shape)}, "
            f"not {tuple(labels.shape)}"
        )
    if classes and logits.shape[-1] != classes:
        raise DataError(f"logits have {logits.shape[-1]} classes, and {classes} were expected")
    labels = labels.to(logits.device, torch.int64, non_blocking=True)
    ignored, known = labels == IGNORED, (labels >= 0) & (labels < logits.shape[-1])
    wrong = ~(known | ignored)
    return ReadBatch(logits, torch.where(known, labels, 0), known, wrong.any(1) if wrong.ndim == 2 else wrong)


def clean_outputs(network: nn.Module, batches: Iterable[Any]) -> Generator[tuple[Any, Any, Any]]:
    """(logits, labels, ids) of each batch (inputs, labels, ids), in evaluation mode; the mode is put back."""
    training, device = network.training, next(network.parameters()).device
    network.eval()
    try:
        for inputs, labels, ids in batches:
            yield network(inputs.to(device)), labels, ids
    finally:
        network.train(training)


def _tensor(values: Any, what: str) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach()
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{what} must be a tensor or array of numbers, not {type(values).__name__}; of a model's output "
            "object give its .logits"
        ) from error


def _require_hard(logits: Tensor, labels: Tensor) -> None:
    if labels.shape == logits.shape:
        raise DataError(
            "labels have a number for each class: soft labels (mixup, cutmix) or several labels. What a "
            "network says of a mixed image is of no single example: leave update() out, make a clean pass at "
            "the end of each epoch, recorder.measure(network, loader); one-hot labels become numbers by "
            "labels.argmax(1)"
        )
    if labels.is_floating_point() or labels.is_complex():
        raise DataError(f"labels must be class numbers, not {labels.dtype}: regression has no classes")
