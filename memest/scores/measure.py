"""One pass over a set that measures every score asked for. Depends on torch.

For each batch one forward serves all logit scores and one backward to the input serves the gradient
and the base point of curvature; each probe is one more forward and backward. No weight gradient is
made, nothing is repeated, batch norms are folded away, and nothing comes to the host until the pass is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memest.errors import SettingError
from memest.scores.base import KINDS, SCORES, LocalLoss
from memest.scores.clock import Clock
from memest.scores.pieces import Examples, Pieces
from memest.scores.prepare import folded, frozen, full_precision
from memest.scores.rows import Add, Rows, Values
from memest.spec import Spec, split_list

FORWARD, GRADIENT = "forward", "forward and gradient"
"""What the scores of a pass share: of logit scores alone, and with scores from input gradients."""

Columns = dict[str, Tensor]


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

    def from_logits(self, logits_BK: Tensor, labels_B: Tensor, clock: Clock | None = None) -> Columns:
        """Every logit score of one batch, (B,) float32 each, by key."""
        precise = torch.promote_types(logits_BK.dtype, torch.float32)
        return self._call("logits", clock, logits_BK.detach().to(precise), labels_B)

    def from_input(self, local: LocalLoss, clock: Clock | None = None) -> Columns:
        """Every score of one batch, (B,) float32 each, by key."""
        near = self._call("input", clock, local)
        return self.from_logits(local.logits, local.labels, clock) | near

    def _call(self, source: str, clock: Clock | None, *arguments: Any) -> Columns:
        columns = {}
        for spec in self.of(source).specs:
            with clock.time(str(spec)) if clock else nullcontext():
                columns[str(spec)] = SCORES.call(spec, *arguments)
        return columns


def measure(
    network: nn.Module,
    batches: Iterable[Examples],
    ids: NDArray[np.int64],
    scores: ScoreSet,
    device: torch.device,
    seed: int = 0,
    clock: Clock | None = None,
    add: Add | None = None,
) -> dict[str, Values]:
    """Every score of every example, in evaluation mode, without augmentation.

    Args:
        network: images → logits; its mode and its weights' gradients are left as they were.
        batches: every example once, in any order and any batch size.
        ids: (N,), the order of the result.
        scores: what to measure.
        device: where network and batches are.
        seed: seed of this epoch's probes.
        clock: is told what each score costs by itself, and under `FORWARD` and `GRADIENT` what they share.
        add: where the batches are this process's share: what brings all together.

    Returns:
        (N,) float32 by canonical key.

    Raises:
        UnseenError: the batches do not hold each id exactly once.
        MemoryFullError: a single example does not fit; larger batches are halved until they do.
    """
    if not len(scores):
        return {}
    rows, clock = Rows(ids, device), clock or Clock(device)
    with frozen(network), full_precision():
        fast = folded(network)

        def score(batch: Examples) -> Columns:
            images = batch.images.to(memory_format=torch.channels_last)
            if scores.of("input"):
                with clock.time(GRADIENT):
                    local = LocalLoss(fast, images, batch.labels, batch.ids, seed)
                return scores.from_input(local, clock)
            with torch.no_grad():
                with clock.time(FORWARD):
                    logits = fast(images)
                return scores.from_logits(logits, batch.labels, clock)

        pieces = Pieces(score, rows)
        for batch in batches:
            pieces.put(batch)
    return rows.take(add=add)


def _expand(part: str) -> list[str]:
    return [name for name in SCORES if KINDS[name].source == "logits"] if part == "logits" else [part]


def canonical(key: str) -> str:
    """The key a score is stored under, with defaults filled in; `seen/` before it is kept."""
    prefix = "seen/" if key.startswith("seen/") else ""
    return prefix + str(SCORES.parse(Spec.parse(key.removeprefix("seen/"))))
