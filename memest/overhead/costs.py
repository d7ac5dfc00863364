"""What a run's scores cost: seconds, and their share of training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from memest.scores import SCORES, Clock

TRAINING, TOTAL = "training", "all scoring"
REST = "folding, gathering, writing"


class Costs:
    """Seconds of training and of scoring, added up over the epochs of a run.

    Args:
        images: how many are trained on in an epoch.
        earlier: what was spent before: `state` of an interrupted run.
    """

    def __init__(self, images: int, earlier: Mapping[str, float] | None = None) -> None:
        self._images = images
        self._seconds: dict[str, float] = defaultdict(float, earlier or {})

    def add(self, training: Mapping[str, float], clock: Clock) -> None:
        """One epoch: the metrics of its training, if it was trained, and the clock of its scoring."""
        if rate := training.get("images_per_second"):
            self._seconds[TRAINING] += self._images / rate
        named = clock.seconds()
        for name, seconds in named.items():
            self._seconds[name] += seconds
        self._seconds[REST] += max(0.0, clock.total() - sum(named.values()))

    def include(self, table: Mapping[str, Sequence[float | str]]) -> None:
        """What another run cost besides, as its `table` says."""
        for what, seconds in zip(table["what"], table["seconds"], strict=True):
            if what != TOTAL:
                self._seconds[str(what)] += float(seconds)

    def state(self) -> dict[str, float]:
        """Everything so far, for a run that goes on later."""
        return dict(self._seconds)

    def table(self) -> dict[str, list[float | str]]:
        """Columns what, seconds and, where there was training, share of training.

        What scores share stands in rows of its own.
        """
        scoring = sum(s for what, s in self._seconds.items() if what != TRAINING)
        rows = {**self._seconds, TOTAL: scoring}
        columns: dict[str, list[float | str]] = {
            "what": list(rows),
            "seconds": [round(seconds, 4) for seconds in rows.values()],
        }
        if training := self._seconds.get(TRAINING):
            columns["share_of_training"] = [round(seconds / training, 5) for seconds in rows.values()]
        return columns

    def metrics(self) -> dict[str, float]:
        """`cost_seconds/<what>` and, where there was training, `cost_share/all_scoring`."""
        table = self.table()
        found = {
            f"cost_seconds/{_slug(str(w))}": float(s)
            for w, s in zip(table["what"], table["seconds"], strict=True)
        }
        if shares := table.get("share_of_training"):
            found[f"cost_share/{_slug(TOTAL)}"] = float(shares[-1])
        return found


def _slug(what: str) -> str:
    """A name that MLflow takes: the score's own, or words joined."""
    return SCORES.parse(what).slug() if "(" in what else what.replace(", ", " ").replace(" ", "_")
