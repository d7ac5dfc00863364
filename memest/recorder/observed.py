"""All that is held on the device while a loop runs: the epoch's scores, labels and mean probabilities.

Axes: N examples of the recording, B of a batch, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.errors import DataError
from memest.grammar.spec import SEEN
from memest.recorder import ranks
from memest.recorder.batch import ReadBatch, columns_of
from memest.recorder.examples import Examples
from memest.recorder.tallies import LabelTally, MeanProbabilities, probabilities_for
from memest.scores import Rows, ScoreSet

Columns = dict[str, NDArray[np.float32]]
MOST_VISITS = 100
"""Times as many examples as there are, after which the batches of a clean pass are taken for endless."""


class Observed:
    """What was observed of every example, made when the first batch tells device and number of classes.

    Args:
        examples: of the recording.
        device: where logits are.
        classes: K.
        tokens: whether an example is a sequence of tokens, which has no label of its own.
    """

    def __init__(self, examples: Examples, device: torch.device, classes: int, tokens: bool) -> None:
        unknown = np.full(len(examples), -1, np.int64)
        given = torch.from_numpy(unknown if examples.labels is None else examples.labels)
        self._examples, self.device, self.classes = examples, device, classes
        self._rows = Rows(examples.ids, device, repeats=True)
        self._labels = LabelTally(given.to(device))
        self._probabilities = None if tokens else probabilities_for(len(examples), classes, device)

    @property
    def empty(self) -> bool:
        """Whether no batch came since the epoch began."""
        return self._rows.empty

    @property
    def tokens(self) -> bool:
        """Whether an example is a sequence of tokens."""
        return self._probabilities is None

    def put(self, batch: ReadBatch, ids_B: Tensor, scores: ScoreSet) -> None:
        """Take in a training batch."""
        self._rows.put(ids_B, columns_of(scores, batch), batch.counted)
        self.note(batch, ids_B)

    def note(self, batch: ReadBatch, ids_B: Tensor) -> None:
        """Take in labels and probabilities alone; of tokens, only whether the labels are in range."""
        places_B = self._rows.positions(ids_B)
        if self._probabilities is None:
            self._labels.wrong_N[places_B] |= batch.wrong
            return
        self._labels.put(places_B, batch.labels, batch.known, batch.wrong)
        self._probabilities.put(places_B, batch.logits.float().softmax(1), batch.known)

    def clean_pass(
        self, batches: Iterable[tuple[ReadBatch, Tensor]], scores: ScoreSet, partial: bool
    ) -> tuple[Columns, NDArray[np.int32]]:
        """The columns of a clean pass, (N,) by score, and visits, (N,), of all processes.

        The epoch's own are left alone.

        Args:
            batches: each with its ids, (B,).

        Raises:
            UnseenError: as `take`.
            DataError: far more examples come than there are: the batches never end.
        """
        rows, came = Rows(self._examples.ids, self.device, repeats=True), 0
        for batch, ids_B in batches:
            came += len(ids_B)
            if came > MOST_VISITS * len(self._examples):
                raise DataError(
                    f"a clean pass takes each of {len(self._examples)} examples once, and these batches go "
                    f"on after {MOST_VISITS} times as many: give batches that end, not those of a dataset "
                    "that repeats for ever"
                )
            rows.put(ids_B, columns_of(scores, batch), batch.counted)
            self.note(batch, ids_B)
        return rows.take_counted(partial, ranks.add_columns)

    def take(self, partial: bool) -> tuple[Columns, NDArray[np.int32]]:
        """The epoch's columns, (N,) by key `seen/<score>`, and visits, (N,), of all processes.

        Raises:
            UnseenError: an example did not come, and `partial` is not set, or an id is not of the recording.
        """
        columns, visits = self._rows.take_counted(partial, ranks.add_columns)
        return {f"{SEEN}{key}": values for key, values in columns.items()}, visits

    def require_labels(self) -> None:
        """Refuse an epoch whose labels cannot be.

        Raises:
            DataError: a label out of range, or another one for an example than before, with the ids.
        """
        wrong, changed = self._labels.faults(ranks.largest)
        for mask, what in ((wrong, "a label outside the classes"), (changed, "another label than before")):
            if mask.any():
                ids = self._examples.called(mask)
                shown = ", ".join(ids[:10]) + (", …" if len(ids) > 10 else "")
                raise DataError(
                    f"{len(ids)} examples came with {what} (ids {shown}): labels are 0 … {self.classes - 1}, "
                    "−100 is left out, and an example keeps its label"
                )

    def end_epoch(self) -> None:
        """The epoch counts."""
        self._labels.end_epoch()
        if self._probabilities:
            self._probabilities.end_epoch(ranks.add)

    def forget_epoch(self) -> None:
        """The epoch was refused: the next one begins clean."""
        self._rows.clear()
        self._labels.clear()
        if self._probabilities:
            self._probabilities.clear()

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) the labels that were given or seen; 0 for sequences of tokens."""
        known = self._labels.labels_N[:-1].cpu().numpy()
        return np.asarray(known if self._probabilities else np.zeros_like(known))

    def suggestions(self) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """The most probable class besides the label, and its mean probability over all visits, (N,) each."""
        if self._probabilities is None:
            return None
        found, probability = self._probabilities.likeliest_other(self._labels.labels_N[:-1])
        return found.cpu().numpy(), probability.cpu().numpy()

    def mean_probabilities(self) -> NDArray[np.float32] | None:
        """(N, K) over all visits; None for sequences of tokens, or where they would take more than 1 GB."""
        if not isinstance(self._probabilities, MeanProbabilities):
            return None
        return np.asarray(self._probabilities.means().cpu().numpy())

    def state(self) -> dict[str, Any]:
        """What it takes to go on after an epoch, as `restored` reads it."""
        kept = self._probabilities.state() if self._probabilities else None
        return {"classes": self.classes, "labels": self._labels.labels_N, "probabilities": kept}

    @classmethod
    def restored(cls, examples: Examples, device: torch.device, state: dict[str, Any]) -> Observed:
        """What `state` was taken from, on a device."""
        observed = cls(examples, device, state["classes"], state["probabilities"] is None)
        observed._labels.labels_N.copy_(state["labels"])
        observed._labels.end_epoch()
        if observed._probabilities:
            observed._probabilities.restore(state["probabilities"])
        return observed
