"""Online scores: those of the training batches themselves, from the logits that training makes anyway."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.errors import SettingError
from memest.grammar.spec import SEEN
from memest.scores.engine.gather import Reduction, Rows, Values
from memest.scores.score_set import ScoreSet


class OnlineScores:
    """What one epoch of training saw, example by example, from the logits training makes anyway.

    Args:
        ids: (N,) int64: every example of the training set, in the order results come in.
        scores: logit scores in the grammar; `logits` stands for all of them.
        device: where logits and labels are.
        partial: allow epochs that leave examples out (a loader that drops its last batch); their values
            are NaN.

    Raises:
        SettingError: a score that needs more than logits.
    """

    def __init__(
        self,
        ids: NDArray[np.int64],
        scores: str = "loss",
        device: torch.device | str = "cpu",
        partial: bool = False,
    ) -> None:
        self._scores = ScoreSet(scores)
        self._partial = partial
        if costly := [key for key in self._scores.keys if key not in self._scores.free.keys]:
            raise SettingError(
                "only scores from logits, against the labels trained on, come free with training, not "
                f"{', '.join(costly)}"
            )
        self._rows = Rows(ids, torch.device(device))

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Keep one training batch: logits (B, K), labels (B,), ids (B,). Nothing is synchronised."""
        with torch.no_grad():
            self._rows.put(ids, self._scores.from_logits(logits, labels))

    def take(self, reduction: Reduction | None = None) -> dict[str, Values]:
        """The epoch's scores, (N,) float32 by key `seen/<score>`, in the order of the ids; starts anew.

        Args:
            reduction: where other processes saw the other examples: sums columns over the processes.

        Nothing at all was seen before epoch 1: the untouched network's rows are empty.

        Raises:
            UnseenError: an example came not at all (unless `partial`), or more than once.
        """
        if self._rows.empty:
            return {}
        return {f"{SEEN}{key}": values for key, values in self._rows.take(self._partial, reduction).items()}


class Unseen:
    """Sees every batch and keeps nothing: for training on other examples than those that are observed."""

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Nothing."""

    def take(self, reduction: Reduction | None = None) -> dict[str, Values]:
        """Nothing."""
        return {}
