"""Which ranking of labels finds wrong ones best: that of `memest audit` beside its parts and cleanlab's.

The folds are trained once for each data set, kind of error and seed, with the recipe of the audit; all
rankings read the same probabilities and traces. Kinds of error: symmetric; confusable, drawn from the
confusions of networks trained on the clean labels; and, where a file of them is given, labels that people
gave.

python -m benchmarks.audit_quality --data digits --data fashion_mnist
python -m benchmarks.audit_quality --data 'npz(path=cifar.npz)' --human human.npz
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import RESULTS, markdown
from memest.auditing.evidence import Evidence, log_margin
from memest.auditing.ranking import label_suspicion
from memest.auditing.sheets import evidence_of
from memest.data import SETS
from memest.detect import detect
from memest.grammar.config import build
from memest.grammar.once import OnceParser
from memest.metrics import Ranking
from memest.runs.audit_folds import RECIPE
from memest.runs.config import TrainConfig
from memest.runs.prepare import prepare
from memest.stages.train import train_parts
from memest.store import SheetReader

Floats = NDArray[np.float64]
KEPT, PAGE = RESULTS / "audit_quality.json", Path(__file__).parent.parent / "docs" / "audit.md"
BEGIN, END = "<!-- evidence -->", "<!-- end of evidence -->"


def cleanlab(quality: str) -> Callable[[Evidence], Floats]:
    """cleanlab's own ranking of the same probabilities."""

    def ranking(evidence: Evidence) -> Floats:
        from cleanlab.rank import get_label_quality_scores

        return np.asarray(
            1 - get_label_quality_scores(evidence.labels, evidence.probabilities, method=quality), np.float64
        )

    return ranking


def aum(evidence: Evidence) -> Floats:
    """Minus the margin while training, mean over all epochs."""
    assert evidence.margins is not None  # the recipe measures it
    return np.asarray(-evidence.margins.mean(0), np.float64)


OURS = "memest audit"
RANKINGS: dict[str, Callable[[Evidence], Floats]] = {
    OURS: label_suspicion,
    "cleanlab self_confidence": cleanlab("self_confidence"),
    "cleanlab normalized_margin": cleanlab("normalized_margin"),
    "log margin, unseen": lambda evidence: -log_margin(evidence.probabilities, evidence.labels),
    "seen/csl": lambda evidence: evidence.csl,
    "seen/aum": aum,
    "seen/aum, second half": lambda evidence: evidence.late,
}


def main() -> None:
    """Train, rank, print, keep."""
    options = _options()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEMEST_HOME"] = folder
        for data in options.data:
            for name, corruption in _noises(data, options, Path(folder)).items():
                if options.kind and not name.startswith(options.kind):
                    continue
                found = [_one(data, corruption, seed, options) for seed in range(1, options.seeds + 1)]
                title = f"{options.name or SETS.short(data)}, {name}"
                kept[title] = {"settings": _settings(options), "seeds": found}
                KEPT.write_text(json.dumps(kept, indent=1) + "\n")
                print(_table({title: kept[title]}), flush=True)
    _write_page(kept)


def _options() -> argparse.Namespace:
    parser = OnceParser(__doc__)
    parser.add_argument("--data", action="append", required=True, help="dataset spec; may be repeated")
    parser.add_argument("--name", default="", help="what the table calls it")
    parser.add_argument("--human", default="", help="npz file of labels that people gave, for human_noise")
    parser.add_argument("--kind", default="", help="of errors: symmetric, confusable or human; none: all")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args()


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("limit", "model", "epochs", "folds", "rate")}


def _noises(data: str, options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Corruption specs by kind of error."""
    noises = {f"symmetric {options.rate:.0%}": f"symmetric_noise(rate={options.rate})"}
    human = {"human": f"human_noise(path='{options.human}')"} if options.human else {}
    if options.kind in human:
        return human
    clean = _evidence(data, "none", 0, options)[0]
    classes = clean.probabilities.shape[1]
    confusion_KK = np.zeros((classes, classes))
    np.add.at(confusion_KK, clean.labels, clean.probabilities)
    np.fill_diagonal(confusion_KK, 0)
    confusion_KK *= options.rate / confusion_KK.sum(1, keepdims=True)
    np.fill_diagonal(confusion_KK, 1 - options.rate)
    path = folder / "confusions.npy"
    np.save(path, confusion_KK)
    noises[f"confusable {options.rate:.0%}"] = f"class_noise(matrix='{path}')"
    return noises | human


def _one(data: str, corruption: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """AUROC and average precision by ranking; how far ours is ahead, by the paired DeLong test."""
    evidence, changed, seconds = _evidence(data, corruption, seed, options)
    figures: dict[str, Any] = {"seconds": round(seconds, 1), "wrong": float(changed.mean())}
    values = {name: ranking(evidence) for name, ranking in RANKINGS.items()}
    ours = Ranking(values[OURS], changed)
    for name, ranked in values.items():
        found = detect(ranked, changed)
        figures[name] = {"auroc": found.auroc.value, "average_precision": found.average_precision}
        if name != OURS:
            figures[name]["ahead"] = asdict(ours.against(Ranking(ranked, changed)))
    return figures


def _evidence(
    data: str, corruption: str, seed: int, options: argparse.Namespace
) -> tuple[Evidence, NDArray[np.bool_], float]:
    """Trained folds: their evidence, which labels were changed, and processor seconds."""
    began = time.process_time()
    settings = RECIPE | {"data": data, "limit": options.limit, "corruption": corruption, "seed": seed}
    settings |= {"model": options.model, "epochs": options.epochs, "tracking": "offline"}
    settings |= {"protocol": f"cross_fit(folds={options.folds})", "checkpoints": "none"}
    prepared = prepare(build(TrainConfig, settings))
    untested = replace(prepared, split=replace(prepared.split, test=None))
    sheet = SheetReader.open(train_parts(untested).run.blobs)
    changed = sheet.truth()["changed"].astype(bool)
    return evidence_of(sheet, options.folds - 1), changed, time.process_time() - began


def _table(kept: dict[str, Any]) -> str:
    """AUROC / average precision, a column for each ranking, as Markdown."""
    lines = [f"| errors | wrong | {' | '.join(RANKINGS)} |", "|---" * (len(RANKINGS) + 2) + "|"]
    for title, content in kept.items():
        seeds = content["seeds"]
        means = {name: [np.mean([one[name][key] for one in seeds]) for key in ("auroc", "average_precision")]
                 for name in RANKINGS}  # fmt: skip
        best = max(means[name][0] for name in RANKINGS)
        cells = []
        for name in RANKINGS:
            text = f"{means[name][0]:.4f} / {means[name][1]:.3f}".replace("0.", ".")
            cells.append(f"**{text}**" if means[name][0] == best else text)
        wrong = f"{np.mean([one['wrong'] for one in seeds]):.1%}"
        lines.append(f"| {title} | {wrong} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ahead(kept: dict[str, Any]) -> str:
    """How far ours is ahead of the best of both groups of rankings, with 95 % intervals, as Markdown."""
    groups = {"cleanlab's better ranking": "cleanlab", "the best single summary": ""}
    rows = [
        [title, *(_difference(content["seeds"], start) for start in groups.values())]
        for title, content in kept.items()
        if all("ahead" in one["seen/csl"] for one in content["seeds"])
    ]
    return markdown(["AUROC ahead of (95 % interval of the difference)", *groups], rows, words=3)


def _difference(seeds: list[dict[str, Any]], start: str) -> str:
    """Ours minus the best ranking whose name starts so, mean over seeds."""
    names = [name for name in RANKINGS if name != OURS and name.startswith(start)]
    best = max(names, key=lambda name: sum(one[name]["auroc"] for one in seeds))
    ahead = [one[best]["ahead"] for one in seeds]
    mean = sum(one["difference"] for one in ahead) / len(ahead)
    half = math.hypot(*((one["high"] - one["low"]) / 2 for one in ahead)) / len(ahead)
    ends = " – ".join(f"{end:+.4f}" for end in (mean - half, mean + half))
    return f"{mean:+.4f} ({ends}), {best}".replace("0.", ".").replace("-", "−")


def _write_page(kept: dict[str, Any]) -> None:
    """Put the table into docs/audit.md, between its marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{_table(kept)}\n\n{_ahead(kept)}\n{END}{after}")


if __name__ == "__main__":
    main()
