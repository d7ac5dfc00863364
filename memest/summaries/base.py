"""What a summary is: all epochs of a score, (E, N), become one value per example, (N,).

    @summary(needs="loss", harder=HIGHER)
    def final_loss(loss: Trace) -> Floats:
        return loss.values[-1]

    summarise("final_loss", traces)          # traces("loss") gives the trace
    summarise("seen/final_loss", traces)     # the same of the training batches: asks for "seen/loss"
    summarise("final_loss(labels=true)", traces)     # against other labels: asks for "loss(labels=true)"

A summary names the scores it needs, gets one `Trace` for each, in that order, and declares once whether
higher means harder. Axes: E measured epochs, N examples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.errors import DataError, InputError
from memest.grammar.registry import LabelledRegistry, keyword_parameters
from memest.grammar.spec import GIVEN, SEEN, Spec, split_seen, without_seen
from memest.metrics import Floats

HIGHER: Literal[1] = 1
LOWER: Literal[-1] = -1

SCALAR = "scalar/"

SummaryFunction: TypeAlias = Callable[..., Floats]
S = TypeVar("S", bound=SummaryFunction)


class MissingTraceError(InputError):
    """A score that a summary needs was not measured, or not at the epochs it needs."""


@dataclass(frozen=True, eq=False)
class Trace:
    """One score over the epochs at which it was measured.

    Attributes:
        epochs: (E,) whole numbers, strictly increasing; 0 is the untouched network. Need not be every epoch.
        values: (E, N), one row per epoch; (E, 1) for a per-epoch scalar.

    Raises:
        DataError: the shapes do not fit, or the epochs are not whole numbers in increasing order.
    """

    epochs: NDArray[np.integer[Any]]
    values: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.epochs.shape != self.values.shape[:1]:
            raise DataError(
                "a trace needs epochs (E,) and values (E, N), "
                f"not shapes {self.epochs.shape} and {self.values.shape}"
            )
        if self.epochs.dtype.kind not in "iu" or not (self.epochs[1:] > self.epochs[:-1]).all():
            raise DataError(f"epochs must be whole numbers, strictly increasing, not {self.epochs}")

    def since(self, start: int) -> Trace:
        """The part measured at epoch `start` or later."""
        first = int(np.searchsorted(self.epochs, start))
        return Trace(self.epochs[first:], self.values[first:])

    def until(self, stop: int) -> Trace:
        """The part measured at epoch `stop` or earlier."""
        end = int(np.searchsorted(self.epochs, stop, side="right"))
        return Trace(self.epochs[:end], self.values[:end])

    def first(self) -> Floats:
        """The values at the first measured epoch, (N,) float64."""
        return np.asarray(self.values[0], dtype=np.float64)

    def last(self) -> Floats:
        """The values at the last measured epoch, (N,) float64."""
        return np.asarray(self.values[-1], dtype=np.float64)

    def total(self) -> Floats:
        """The sum over the measured epochs, (N,) float64."""
        return np.asarray(self.values.sum(axis=0, dtype=np.float64))

    def mean(self) -> Floats:
        """The mean over the measured epochs, (N,) float64."""
        return self.total() / len(self.epochs)


@dataclass(frozen=True)
class Declaration:
    """What a summary says of itself.

    Attributes:
        needs: the scores it reads, as spec texts in which `{norm}` stands for its own setting `norm`.
        harder: `HIGHER` or `LOWER`, the way in which an example is harder or more suspicious.
        with_epoch_0: whether it is given epoch 0, the network before training.
        pooled: by setting, what its value is the mean of over all examples where the setting is None.
        misleads: when its ranking is not to be trusted, in a sentence; empty where that is not known.
    """

    needs: tuple[str, ...]
    harder: Literal[1, -1]
    with_epoch_0: bool
    pooled: Mapping[str, SummaryFunction]
    misleads: str = ""


class SummaryRegistry(LabelledRegistry[SummaryFunction]):
    """Summaries by name; `seen/` before a name asks for the same over the training batches.

    `labels=…` asks for the same of scores that were measured against those labels.
    """

    def __init__(self) -> None:
        super().__init__("summary", "memest.summaries")
        self._declared: dict[str, Declaration] = {}

    def declare(self, function: S, declaration: Declaration) -> S:
        """Add `function` under its own name, with what it says of itself.

        Raises:
            ValueError: the name is taken.
        """
        self.register(function)
        self._declared[function.__name__] = declaration
        return function

    def declaration(self, name: str) -> Declaration:
        """What the summary called `name`, with or without `seen/`, says of itself.

        Raises:
            UnknownNameError: no such name.
        """
        return self._declared[self[name].__name__]

    def __getitem__(self, name: str) -> SummaryFunction:
        return super().__getitem__(without_seen(name))

    def parse(self, text: str | Spec) -> Spec:
        """The canonical spec, as `Registry.parse` gives it; `seen/` stays part of the name."""
        if isinstance(text, Spec):
            return super().parse(text)
        bare = without_seen(text.strip())
        given = Spec.parse(bare)
        name = SEEN + given.name if bare != text.strip() else given.name
        return super().parse(dataclasses.replace(given, name=name))


SUMMARIES = SummaryRegistry()


def summary(
    *,
    needs: str | tuple[str, ...],
    harder: Literal[1, -1],
    with_epoch_0: bool = False,
    pooled: Mapping[str, SummaryFunction] | None = None,
    misleads: str = "",
) -> Callable[[S], S]:
    """Register the decorated function as a summary.

    It takes one `Trace` per need, values float64, then its settings as keywords, and returns (N,).

    Args:
        needs: score specs such as `input_gradient(norm={norm})`; `scalar/weight_norm` is per epoch, (E, 1).
        harder: `HIGHER` or `LOWER`.
        with_epoch_0: give it epoch 0 too, which is left out otherwise.
        pooled: settings that, left None, are a mean over all examples: by name, the function of the same
            traces and other settings, to (N,), that it is the mean of. This is the only way in which one
            example's value may depend on the others, so that examples can be summarised in stretches.
        misleads: when its ranking is not to be trusted; reports say it where it ranks below chance.
    """
    texts = (needs,) if isinstance(needs, str) else needs
    declaration = Declaration(texts, harder, with_epoch_0, dict(pooled or {}), misleads)
    return lambda function: SUMMARIES.declare(function, declaration)


def needs_of(text: str | Spec) -> tuple[str, ...]:
    """The score specs that a summary needs, with its settings filled in (not made canonical).

    `seen/` goes before each of them, and `labels=…` into it, except for a per-epoch scalar.

    Raises:
        UnknownNameError: no such summary.
        SettingError: a setting is unknown, of the wrong type or out of range.
    """
    spec = SUMMARIES.parse(text)
    prefix, _ = split_seen(spec.name)
    filled = [need.format(**spec.settings) for need in SUMMARIES.declaration(spec.name).needs]
    return tuple(need if need.startswith(SCALAR) else prefix + _against(need, spec.labels) for need in filled)


def _against(need: str, labels: str) -> str:
    return need if labels == GIVEN else str(Spec.parse(need).against(labels))


Traces: TypeAlias = Callable[[str], Trace] | Mapping[str, Trace]
"""Gives the trace of a needed score, or raises `MissingTraceError`; or holds the traces by score."""


def summarise(text: str | Spec, traces: Traces, *more: Traces) -> Floats:
    """The values of a summary, (N,) float64, in its own direction.

    Epoch 0 is left out here, and nowhere else, unless the summary declares that it wants it.

    Args:
        text: the summary, such as `csl(start=1)` or `seen/csl`.
        traces: gives the traces of all examples, or of the first stretch of them.
        more: those of further stretches, in order; only one is worked on at a time.

    Raises:
        MissingTraceError: a needed score, or an epoch of it, was not measured.
        DataError: the traces lead to values that are not finite or not one per example.
    """
    spec, stretches = SUMMARIES.parse(text), (traces, *more)
    settings = dict(spec.against(GIVEN).settings)
    for name, level in SUMMARIES.declaration(spec.name).pooled.items():
        if settings[name] is None:
            others = {key: value for key, value in settings.items() if key != name}
            settings[name] = float(np.mean(_each(level, spec, others, stretches)))
    return _each(SUMMARIES[spec.name], spec, settings, stretches)


def _each(
    function: SummaryFunction,
    spec: Spec,
    settings: Mapping[str, Any],
    stretches: Sequence[Traces],
) -> Floats:
    """What `function` says of the traces that `spec` needs, stretch by stretch, joined."""
    with_epoch_0 = SUMMARIES.declaration(spec.name).with_epoch_0
    parts = []
    for traces in stretches:
        given = [_prepared(key, _trace(traces, key), with_epoch_0) for key in needs_of(spec)]
        values_N = np.array(function(*given, **settings), dtype=np.float64)  # never a view of a trace
        examples = max(trace.values.shape[1] for trace in given)
        if values_N.shape != (examples,) or not np.isfinite(values_N).all():
            raise DataError(
                f"{spec} must give {examples} finite values: are its traces finite and of one dataset?"
            )
        parts.append(values_N)
    return np.concatenate(parts)


def _trace(traces: Traces, key: str) -> Trace:
    if not isinstance(traces, Mapping):
        return traces(key)
    if key not in traces:
        raise MissingTraceError(f"{key} was not measured; there are {', '.join(traces)}")
    return traces[key]


def _prepared(key: str, trace: Trace, with_epoch_0: bool) -> Trace:
    kept = trace if with_epoch_0 else trace.since(1)
    if kept.epochs.size == 0:
        raise MissingTraceError(
            f"{key} was measured at no epoch after training began; train an epoch at least"
        )
    return Trace(kept.epochs, np.asarray(kept.values, dtype=np.float64))


def direction(text: str | Spec) -> Literal[1, -1]:
    """1 where a higher value of the summary means a harder example, −1 where a lower one does."""
    return SUMMARIES.declaration(SUMMARIES.parse(text).name).harder


def suspicion(text: str | Spec, values_N: ArrayLike) -> Floats:
    """Values of a summary turned so that higher is more suspicious: values · direction, (N,) float64."""
    return np.asarray(values_N, dtype=np.float64) * direction(text)


def default_summaries() -> list[str]:
    """Every summary at its default settings, and the second norm or power of the two that papers and code
    take differently, as canonical texts. One that cannot do without a setting is left out.
    """
    names = [name for name in SUMMARIES if not _needs_settings(SUMMARIES[name])]
    texts = [*names, "loss_sensitivity(norm=2)", "learning_time(power=1)"]
    return [str(SUMMARIES.parse(text)) for text in texts]


def _needs_settings(function: SummaryFunction) -> bool:
    return any(value.default is value.empty for value in keyword_parameters(function).values())


def first_epoch(holds_EN: NDArray[np.bool_], epochs_E: NDArray[np.integer[Any]]) -> Floats:
    """The first measured epoch at which a condition holds, (N,); the last epoch + 1 where it never does."""
    first_N = epochs_E[np.argmax(holds_EN, axis=0)]
    return np.asarray(np.where(holds_EN.any(axis=0), first_N, epochs_E[-1] + 1), dtype=np.float64)
