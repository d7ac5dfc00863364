"""How many folds of how many epochs find most wrong labels: the audit's ranking and cleanlab's, on any data.

A twentieth of the labels is changed to classes that look alike, and all folds are trained with the recipe of
the audit, once for each number of folds and epochs and each seed; all rankings read the same networks.

python -m benchmarks.audit_folds --data digits --limit 1000 --seeds 2
python -m benchmarks.audit_folds --data 'npz(path=c5.npz)' --limit 1500 --name 'CIFAR-100, 5 coarse classes'
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from typing import Any

from benchmarks.audit_quality import cleanlab
from benchmarks.cross_fitted import trained
from benchmarks.rows import RESULTS
from memest.auditing.ranking import label_suspicion
from memest.data import SETS
from memest.grammar.once import OnceParser
from memest.metrics import auroc

KEPT = RESULTS / "audit_folds.json"
EPOCHS = ((2, 16), (3, 8), (5, 12), (2, 20), (3, 10))
"""Folds, and epochs of each: over all images 16, 16, 48, 20 and 20 of all networks together."""
RANKINGS = {
    "memest audit": label_suspicion,
    "self_confidence": cleanlab("self_confidence"),
    "normalized_margin": cleanlab("normalized_margin"),
}


def main() -> None:
    """Train, print, keep."""
    options = _options()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEMEST_HOME"] = folder
        points = []
        for seed in range(options.seeds):
            for folds, epochs in EPOCHS:
                points.append(_point(options, folds, epochs, seed))
                print(points[-1], flush=True)
    name = options.name or SETS.short(options.data)
    kept[f"{name}, {options.limit:,}"] = {"model": options.model, "rate": options.rate, "points": points}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = OnceParser(__doc__)
    parser.add_argument("--data", required=True, help="dataset spec")
    parser.add_argument("--name", default="", help="what the file of results calls it")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args()


def _point(options: argparse.Namespace, folds: int, epochs: int, seed: int) -> dict[str, Any]:
    """AUROC of wrong labels by ranking, and how much was trained."""
    found = trained(
        data=options.data,
        limit=options.limit,
        model=options.model,
        epochs=epochs,
        protocol=f"cross_fit(folds={folds})",
        corruption=f"confusable_noise(rate={options.rate})",
        seed=seed,
    )
    changed = found.prepared.truth.changed
    values = {name: round(auroc(rank(found.evidence), changed), 4) for name, rank in RANKINGS.items()}
    facts = {"seed": seed, "folds": folds, "epochs": epochs, "epochs over all images": epochs * (folds - 1)}
    return facts | values


if __name__ == "__main__":
    main()
