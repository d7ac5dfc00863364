"""What a run's scores cost: seconds, and their share of training. Depends on `scores`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from memest.scores import Clock
from memest.spec import Spec

TOTAL = "all scoring"
REST = "folding, gathering, writing"


class Costs:
    """Seconds of training and of scoring, added up over the epochs of a run.

    Args:
        images: how many are trained on in an epoch.
        earlier: what `state` gave, to go on after an interruption.
    """

    def __init__(self, images: int, earlier: Mapping[str, float] | None = None) -> None:
        self._images = images
        self._seconds: dict[str, float] = defaultdict(float, earlier or {})

    def add(self, training: Mapping[str, float], clock: Clock) -> None:
        """One epoch: the metrics of its training (none for epoch 0), and the clock of its scoring."""
        if rate := training.get("images_per_second"):
            self._seconds["training"] += self._images / rate
        named = clock.seconds()
        for name, seconds in named.items():
            self._seconds[name] += seconds
        self._seconds[REST] += max(0.0, clock.total() - sum(named.values()))

    def state(self) -> dict[str, float]:
        """Everything so far."""
        return dict(self._seconds)

    def share(self) -> float:
        """Seconds of all scoring over seconds of training."""
        scoring = sum(seconds for name, seconds in self._seconds.items() if name != "training")
        return scoring / max(self._seconds["training"], 1e-9)

    def table(self) -> dict[str, list[float | str]]:
        """Columns what, seconds, share of training; what scores share stands in rows of its own."""
        training = self._seconds["training"]
        rows = {name: seconds for name, seconds in self._seconds.items() if name != "training"}
        rows = {"training": training} | rows | {TOTAL: sum(rows.values())}
        return {
            "what": list(rows),
            "seconds": [round(seconds, 4) for seconds in rows.values()],
            "share_of_training": [round(seconds / max(training, 1e-9), 5) for seconds in rows.values()],
        }

    def metrics(self) -> dict[str, float]:
        """`cost_seconds/<what>` and `cost_share/<what>`, under names that MLflow takes."""
        named: dict[str, float] = {}
        columns = zip(*self.table().values(), strict=True)
        for what, seconds, share in columns:
            slug = _slug(str(what))
            named |= {f"cost_seconds/{slug}": float(seconds), f"cost_share/{slug}": float(share)}
        return named


def _slug(what: str) -> str:
    return Spec.parse(what).slug() if "(" in what else what.replace(", ", " ").replace(" ", "_")
