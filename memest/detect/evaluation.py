"""What a run finds of its own truth: every summary and detector judged in one pass, small enough to keep.

    evaluation = evaluate_table(sheet.summary())            # from the columns
    evaluation = evaluation_of(sheet)                       # as the run stored it, else from the columns
    evaluation.found["csl"].auroc                           # one summary
    evaluation.against("csl", "final_loss").p_value         # two, by the paired DeLong test

It is stored as `sheet/evaluation.json`. Axes: N examples, S summaries and detectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.detect.detectors import suspicion
from memest.detect.evaluate import Detection, judge
from memest.errors import SettingError, SheetError
from memest.metrics import Comparison, Estimate, Floats, Ranking, compare, covariance
from memest.store import SheetReader
from memest.store.tables import NOT_SUMMARIES
from memest.summaries import against_others

FORMAT = 1
"""Of the stored text; raised when a name or a meaning in it changes."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well every summary and detector of one run ranks changed labels above kept ones.

    Attributes:
        found: by name, in the order of the columns; at least one.
        covariance: DeLong's covariance of the AUROCs, (S, S), in the order of `found`.
    """

    found: Mapping[str, Detection]
    covariance: Floats

    def against(self, name: str, other: str, level: float = 0.95) -> Comparison:
        """AUROC of `name` minus that of `other`, by the paired DeLong test.

        Raises:
            SettingError: one of the two was not judged, or `level` is not between 0 and 1.
        """
        a, b = self._place(name), self._place(other)
        variances = self.covariance
        variance = variances[a, a] + variances[b, b] - 2 * variances[a, b]
        difference = self.found[name].auroc.value - self.found[other].auroc.value
        return compare(difference, float(variance), level)

    def to_json(self) -> bytes:
        """The bytes to store, the same for equal evaluations; of the covariance the lower triangle."""
        content = {
            "format": FORMAT,
            "found": {name: asdict(found) for name, found in self.found.items()},
            "covariance": [row[: place + 1].tolist() for place, row in enumerate(self.covariance)],
        }
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Evaluation:
        """The evaluation that was stored.

        Raises:
            SheetError: it is none, or of a format that this version does not read.
        """
        try:
            raw = json.loads(content)
            if raw["format"] != FORMAT:
                raise SheetError(
                    f"sheet/evaluation.json has format {raw['format']}; this version reads {FORMAT}"
                )
            found = {name: _detection(values) for name, values in raw["found"].items()}
            lower_SS = np.zeros((len(found), len(found)))
            lower_SS[np.tril_indices(len(found))] = np.concatenate(raw["covariance"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise SheetError(f"sheet/evaluation.json cannot be read ({reason})") from error
        return cls(found, np.where(np.tri(len(found), dtype=bool), lower_SS, lower_SS.T))

    def _place(self, name: str) -> int:
        if name not in self.found:
            raise SettingError(f"{name} was not judged (judged: {', '.join(self.found)})")
        return list(self.found).index(name)


def evaluate(columns: Mapping[str, ArrayLike], changed_N: NDArray[np.bool_]) -> Evaluation | None:
    """Judge the values of summaries and detectors, (N,) by name, against what was changed.

    None where there is nothing to judge: no columns, or not both changed and unchanged examples.

    Raises:
        InputError: no summary or detector of a name.
        DataError: values that are not finite or not (N,).
    """
    if not columns or not 0 < np.count_nonzero(changed_N) < len(changed_N):
        return None
    rankings = {
        name: Ranking(suspicion(name, np.asarray(values)), changed_N, name)
        for name, values in columns.items()
    }
    found = {name: judge(ranking) for name, ranking in rankings.items()}
    return Evaluation(found, covariance(list(rankings.values())))


def evaluate_table(summary: Mapping[str, NDArray[Any]]) -> Evaluation | None:
    """Judge a summary table, one row per example, by its own column `changed`; None as for `evaluate`."""
    return evaluate({name: summary[name] for name in judged(summary)}, summary["changed"].astype(bool))


def evaluation_of(sheet: SheetReader) -> Evaluation | None:
    """What the run of a sealed sheet found of its truth: as it stored it, else from the columns.

    None where no label was changed, every label was, or nothing was measured.

    Raises:
        SheetError: the sheet is damaged, or its evaluation has a format that this version does not read.
    """
    stored = sheet.evaluation()
    if stored is not None:
        return Evaluation.from_json(stored)
    if not judged(sheet.summary_names()) or not sheet.summary(["changed"])["changed"].any():
        return None
    return evaluate_table(sheet.summary())


def judged(names: Iterable[str]) -> list[str]:
    """The columns of a summary table that are judged: all but the facts, and summaries against other labels.

    The latter say how far labels leak into a measurement, and are no way to find wrong ones.
    """
    return [name for name in names if name not in NOT_SUMMARIES and not against_others(name)]


def _detection(raw: Mapping[str, Any]) -> Detection:
    depths = {int(k): share for k, share in raw["precision_at"].items()}
    return Detection(**{**raw, "auroc": Estimate(**raw["auroc"]), "precision_at": depths})
