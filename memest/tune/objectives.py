"""What a search aims at: numbers of a finished run, to be made large or small.

| objective | value | better |
|---|---|---|
| `accuracy` | test accuracy after the last epoch | higher |
| `auroc/<summary>`, `average_precision/<summary>` | how well it finds changed labels | higher |
| `cost` | seconds of training and scoring | lower |
| `scoring_cost` | seconds of scoring alone | lower |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from memest.detect import DETECTORS, slug
from memest.errors import SettingError, UnknownNameError
from memest.grammar.spec import split_list
from memest.summaries import needs_of
from memest.tune.space import fill

Direction = Literal["minimize", "maximize"]

_SUMS = {
    "accuracy": ("test/accuracy",),
    "cost": ("cost_seconds/training", "cost_seconds/all_scoring"),
    "scoring_cost": ("cost_seconds/all_scoring",),
}
"""By objective: the metrics that are added up."""
_SMALL = {"cost", "scoring_cost"}
_DETECTION = ("auroc", "average_precision")
_KNOWN = [*_SUMS, *(f"{what}/<summary>" for what in _DETECTION)]


@dataclass(frozen=True)
class Objective:
    """One objective.

    Attributes:
        name: as it was given; a summary in it may hold `{probes}`, which each trial fills in.
    """

    name: str

    @property
    def direction(self) -> Direction:
        """Optuna's word for what is better."""
        return "minimize" if self.name in _SMALL else "maximize"

    def metrics(self, drawn: Mapping[str, Any]) -> tuple[str, ...]:
        """The metrics of a run whose sum it is.

        Raises:
            UnknownNameError: no such objective, or no such summary.
        """
        if self.name in _SUMS:
            return _SUMS[self.name]
        summary = self._summary(drawn)
        return (f"{self.name.partition('/')[0]}/{slug(summary)}",)

    def value(self, metrics: Mapping[str, float], drawn: Mapping[str, Any]) -> float:
        """The number of a finished run.

        Raises:
            SettingError: the run does not have it.
        """
        names = self.metrics(drawn)
        if missing := [name for name in names if name not in metrics]:
            why = "; the dataset needs a test set, such as with holdout=0.1" if "test/" in missing[0] else ""
            raise SettingError(f"objective {self.name}: a trial's run has no metric {missing[0]}{why}")
        return sum(metrics[name] for name in names)

    def require(self, measured: Collection[str], changed: bool, drawn: Mapping[str, Any]) -> None:
        """Refuse an objective that a run cannot have.

        Args:
            measured: the scores it measures, `seen/…` and `scalar/…` among them.
            changed: whether labels are changed in it.
            drawn: what a trial may draw.

        Raises:
            InputError: the objective is unknown, nothing is changed, or a score is not measured.
        """
        self.metrics(drawn)
        if self.name in _SUMS:
            return
        if not changed:
            raise SettingError(
                f"objective {self.name} asks how changed labels are found, and none are changed; give "
                "--corruption 'symmetric_noise(rate=0.05)', or aim at accuracy"
            )
        summary = self._summary(drawn)
        if summary not in DETECTORS and (missing := set(needs_of(summary)) - set(measured)):
            raise SettingError(
                f"objective {self.name} needs {min(missing)}, which is not measured; add it to --scores"
            )

    def _summary(self, drawn: Mapping[str, Any]) -> str:
        what, slash, summary = self.name.partition("/")
        if what not in _DETECTION or not slash:
            raise UnknownNameError("objective", self.name, _KNOWN)
        return str(fill(summary, drawn))


def read_objectives(text: str) -> list[Objective]:
    """One objective or two.

    Raises:
        SettingError: none, more than two, or one of them twice.
    """
    names = split_list(text)
    if not 1 <= len(names) <= 2 or len(set(names)) < len(names):
        raise SettingError(
            f"--objectives takes one or two of {', '.join(_KNOWN)}, not {', '.join(names) or 'none'}"
        )
    return [Objective(name) for name in names]
