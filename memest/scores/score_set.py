"""The scores to measure: a list in the grammar, parsed once, and how each is called on a batch.

Axes: B examples of a batch, K classes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from memest.errors import SettingError
from memest.grammar.spec import GIVEN, Spec, split_list, split_seen
from memest.scores.base import KINDS, SCORES, LocalLoss
from memest.scores.engine.timing import Clock

FORWARD, GRADIENT = "forward", "forward and gradient"
"""The passes that scores share: of scores from logits alone, and with scores from input gradients."""

Columns = dict[str, Tensor]


def score_list(text: str, labels: Callable[[str], str] = str) -> str:
    """A list of scores made canonical.

    Args:
        text: as a `ScoreSet` takes it.
        labels: makes the name of labels other than the given canonical, or refuses it.

    Raises:
        InputError: it is empty, holds an unknown score or setting, or one whose package is missing.
    """
    scores = ScoreSet(text)
    scores.specs = list(dict.fromkeys(_renamed(spec, labels) for spec in scores.specs))
    if not len(scores):
        raise SettingError("at least one score is needed, such as loss; logits stands for all that are cheap")
    for spec in scores.specs:
        package, extra = KINDS[spec.name].package or ("", "")
        if package and not _installed(package):
            raise SettingError(
                f"{spec.name} needs the package {package}, which is not installed here: "
                f"pip install 'memest[{extra}]'"
            )
    return str(scores)


class ScoreSet:
    """The scores to measure, parsed once.

    Args:
        specs: a comma-separated list in the grammar, such as `loss, curvature(probes=5)`; `logits`
            stands for every score made from logits, `logits(labels=true)` for those that depend on labels.

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

    @property
    def labels(self) -> list[str]:
        """The names of the labels, other than the given, that scores are to be measured against."""
        return [name for name in dict.fromkeys(spec.labels for spec in self.specs) if name != GIVEN]

    def of(self, source: str) -> ScoreSet:
        """Those made from `logits`, or those made from the `input`."""
        return self._those(lambda spec: KINDS[spec.name].source == source)

    @property
    def free(self) -> ScoreSet:
        """Those that training makes possible for nothing: from logits, against the labels trained on."""
        return self.of("logits")._those(lambda spec: spec.labels == GIVEN)

    def from_logits(
        self,
        logits_BK: Tensor,
        labels_B: Tensor,
        clock: Clock | None = None,
        others: Mapping[str, Tensor] | None = None,
    ) -> Columns:
        """Every logit score of one batch, (B,) float32 each, by key; `others`: more labels, (B,) by name."""
        logits_BK = logits_BK.detach().to(torch.promote_types(logits_BK.dtype, torch.float32))
        labels = {GIVEN: labels_B, **(others or {})}
        return self._call("logits", clock, lambda name: (logits_BK, labels[name]))

    def from_input(
        self, local: LocalLoss, clock: Clock | None = None, others: Mapping[str, Tensor] | None = None
    ) -> Columns:
        """Every score of one batch, (B,) float32 each, by key; `others`: more labels, (B,) by name."""

        @cache
        def near(name: str) -> tuple[LocalLoss]:
            with clock.time(GRADIENT) if clock else nullcontext():
                return (local if name == GIVEN else local.against((others or {})[name]),)

        columns = self._call("input", clock, near)
        return self.from_logits(local.logits, local.labels, clock, others) | columns

    def _those(self, chosen: Callable[[Spec], bool]) -> ScoreSet:
        part = ScoreSet("")
        part.specs = [spec for spec in self.specs if chosen(spec)]
        return part

    def _call(self, source: str, clock: Clock | None, arguments: Callable[[str], tuple[Any, ...]]) -> Columns:
        columns = {}
        for spec in self.of(source).specs:
            given, settings = arguments(spec.labels), spec.against(GIVEN).settings
            with clock.time(str(spec)) if clock else nullcontext():
                columns[str(spec)] = SCORES[spec.name](*given, **settings)
        return columns


def _installed(module: str) -> bool:
    """Whether a module can be found; a namesake of its package has no such module."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _expand(part: str) -> list[str]:
    """`logits` spelled out; whatever else it is, as it is."""
    given = Spec.parse(part)
    if given.against(GIVEN) != Spec("logits"):
        return [part]
    names = [name for name in SCORES.own if KINDS[name].source == "logits"]
    if given.labels != GIVEN:
        names = [name for name in names if KINDS[name].labelled]
    return [str(Spec(name).against(given.labels)) for name in names]


def _renamed(spec: Spec, labels: Callable[[str], str]) -> Spec:
    return spec if spec.labels == GIVEN else spec.against(labels(spec.labels))


def canonical(key: str) -> str:
    """The key a score is stored under, with defaults filled in; `seen/` before it is kept."""
    prefix, bare = split_seen(key)
    return prefix + str(SCORES.parse(Spec.parse(bare)))
