"""One pass over a set that measures every score asked for. Depends on torch.

For each batch one forward serves all logit scores and one backward to the input serves the gradient
and the base point of curvature; each probe is one more forward and backward. No weight gradient is
made, nothing is repeated, batch norms are folded away, and nothing comes to the host until the pass is over.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memest.errors import SettingError
from memest.scores.base import KINDS, SCORES, LocalLoss
from memest.scores.pieces import Examples, Pieces
from memest.scores.prepare import folded, frozen, full_precision
from memest.scores.rows import Rows, Values
from memest.spec import Spec, split_list


def score_list(text: str) -> str:
    """A list of scores made canonical.

    Raises:
        InputError: it is empty, or holds an unknown score or setting.
    """
    scores = ScoreSet(text)
    if not len(scores):
        raise SettingError("at least one score is needed, such as loss; logits stands for all that are cheap")
    return str(scores)


class ScoreSet:
    """The scores to measure, parsed once.

    Args:
        specs: a comma-separated list in the grammar, such as `loss, curvature(probes=5)`; `logits`
            stands for every score made from logits.

    Raises:
        InputError: an unknown score or keyword, or a value out of range.
    """

    def __init__(self, specs: str) -> None:
        parts = [name for part in split_list(specs) for name in _expand(part)]
        self.specs = list(dict.fromkeys(SCORES.parse(part) for part in parts))

    def __str__(self) -> str:
        return ", ".join(map(str, self.specs))

    def __len__(self) -> int:
        return len(self.specs)

    @property
    def keys(self) -> list[str]:
        """The canonical spelling of each score: the key it is stored under."""
        return [str(spec) for spec in self.specs]

    def of(self, source: str) -> ScoreSet:
        """Those made from `logits`, or those made from the `input`."""
        chosen = ScoreSet("")
        chosen.specs = [spec for spec in self.specs if KINDS[spec.name].source == source]
        return chosen

    def from_logits(self, logits_BK: Tensor, labels_B: Tensor) -> dict[str, Tensor]:
        """Every logit score of one batch, (B,) float32 each, by key."""
        logits = logits_BK.detach().float()
        return {str(spec): SCORES.call(spec, logits, labels_B) for spec in self.of("logits").specs}

    def from_input(self, local: LocalLoss) -> dict[str, Tensor]:
        """Every score of one batch, (B,) float32 each, by key."""
        near = {str(spec): SCORES.call(spec, local) for spec in self.of("input").specs}
        return self.from_logits(local.logits, local.labels) | near


def measure(
    network: nn.Module,
    batches: Iterable[Examples],
    ids: NDArray[np.int64],
    scores: ScoreSet,
    device: torch.device,
    seed: int = 0,
) -> dict[str, Values]:
    """Every score of every example, in evaluation mode, without augmentation.

    Args:
        network: images → logits; its mode and its weights' gradients are left as they were.
        batches: every example once, in any order and any batch size.
        ids: (N,), the order of the result.
        scores: what to measure.
        device: where network and batches are.
        seed: seed of this epoch's probes.

    Returns:
        (N,) float32 by canonical key.

    Raises:
        UnseenError: the batches do not hold each id exactly once.
        MemoryFullError: a single example does not fit; larger batches are halved until they do.
    """
    rows = Rows(ids, device)
    with frozen(network), full_precision():
        fast = folded(network)

        def score(batch: Examples) -> dict[str, Tensor]:
            images = batch.images.to(memory_format=torch.channels_last)
            if scores.of("input"):
                return scores.from_input(LocalLoss(fast, images, batch.labels, batch.ids, seed))
            with torch.no_grad():
                return scores.from_logits(fast(images), batch.labels)

        pieces = Pieces(score, rows)
        for batch in batches:
            pieces.put(batch)
    return rows.take()


def _expand(part: str) -> list[str]:
    return [name for name in SCORES if KINDS[name].source == "logits"] if part == "logits" else [part]


def canonical(key: str) -> str:
    """The key a score is stored under, with defaults filled in; `seen/` before it is kept."""
    prefix = "seen/" if key.startswith("seen/") else ""
    return prefix + str(SCORES.parse(Spec.parse(key.removeprefix("seen/"))))
