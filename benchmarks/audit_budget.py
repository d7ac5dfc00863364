"""`memest audit` beside cleanlab's five folds, on image files of which 5 % have a confusable wrong label.

python -m benchmarks.audit_budget WORK --data fashion_mnist            both within one budget: 10 minutes each
python -m benchmarks.audit_budget WORK --data fashion_mnist --curve    AUROC against how much was trained
python -m benchmarks.audit_budget WORK --count 1500 --budget 3m        fewer files, less time: a row beside

Data may be any spec: `folder(path=photos)` as well. What is done is kept in the folder WORK, and not done
again. cleanlab's way: out-of-sample probabilities of five folds, by the same network and recipe, ranked by
its label quality. Within the budget it trains on as many images as the audit did.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cross_fitted import trained, write_files
from benchmarks.rows import RESULTS, between_marks
from benchmarks.timing import machine
from memest.auditing.conclude import conclude
from memest.auditing.findings import Audited
from memest.grammar.once import OnceParser
from memest.metrics import auroc
from memest.reports import figures
from memest.runs.audit_plan import AuditPlan
from memest.store.tables import read_table

Floats = NDArray[np.float64]
Figures = dict[str, Any]
ROOT = Path(__file__).parent.parent
PAGE, PICTURE = ROOT / "docs" / "audit.md", ROOT / "docs" / "images" / "audit_compute.png"
BEGIN, END = "<!-- budget -->", "<!-- end of budget -->"
QUALITIES = ("self_confidence", "normalized_margin")
FIRST, COUNT = 200, 10_000
EPOCHS = (("memest", 2, (3, 5, 8, 12, 16)), ("memest", 3, (3, 5, 8, 12)), ("cleanlab", 5, (3, 5, 8, 12, 16)))
"""The points of the curve: the way, folds, and epochs of each."""


def main() -> None:
    """Measure what is not measured yet, and write the page."""
    options = _options()
    work = Path(options.work).absolute()
    os.environ["MEMEST_HOME"] = str(work / "home")
    if not (work / "truth.json").exists():
        write_files(options.data, options.count, options.rate, work)
    kept = RESULTS / "audit_budget.json"
    content = json.loads(kept.read_text()) if kept.exists() else {}
    content["rate"] = options.rate
    here = {"machine": machine(torch.device("cpu"))}
    if options.curve:
        name = "curve" if options.count == COUNT else f"curve of {options.count:,} files"
        content[name] = {
            **here,
            "model": options.model,
            "count": options.count,
            "points": list(_curve(work, options.model)),
        }
        if name == "curve":
            PICTURE.write_bytes(_picture(content[name]))
    else:
        pairs = content.setdefault("budget", {})
        for seed in range(options.seeds):
            fewer = "" if options.count == COUNT else f"{options.count}-"
            name = f"{fewer}{options.budget}-{seed}"
            ours = _once(work / f"ours-{name}.json", partial(_ours, work, options.budget, seed))
            theirs = _once(work / f"cleanlab-{name}.json", partial(_theirs, work, ours, seed))
            pairs[name] = (
                here
                | {"count": options.count, "budget": options.budget, "seed": seed}
                | {
                    "memest": ours,
                    "cleanlab": theirs,
                }
            )
    kept.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    _write_page(content)


def _options() -> argparse.Namespace:
    parser = OnceParser(__doc__)
    parser.add_argument("work", help="folder for image files and what is done")
    parser.add_argument("--data", default="fashion_mnist", help="dataset spec that the files are made of")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--seeds", type=int, default=1, help="pairs within the budget, one after the other")
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--model", default="tiny", help="network of the curve")
    return parser.parse_args()


def _once(file: Path, measure: Callable[[], Figures]) -> Figures:
    """What is kept in a file, or else measured and kept."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(measure(), indent=1) + "\n")
        print(file.read_text(), flush=True)
    return dict(json.loads(file.read_text()))


def _ours(work: Path, budget: str, seed: int) -> Figures:
    """The command as a user types it, judged by its own list."""
    from memest.cli import main as command

    out, began, processor = work / f"out-{budget}-{seed}", time.monotonic(), time.process_time()
    words = ["audit", str(work / "files"), "--budget", budget, "--tracking", "offline", "--into", str(out)]
    if command([*words, "--seed", str(seed)]):
        raise SystemExit("the audit did not end well")
    seconds = {"seconds": time.monotonic() - began, "processor_seconds": time.process_time() - processor}
    ranking = read_table((out / "ranking.parquet").read_bytes())
    wrong = _wrong(work, ranking["file"].tolist())
    first = np.argsort(ranking["rank"], kind="stable")[: wrong.sum()]
    with (out / "issues.csv").open(encoding="utf-8") as rows:
        called = [row["file"] for row in csv.DictReader(rows) if row["kind"] == "wrong"]
    summary = json.loads((out / "summary.json").read_bytes())
    plan = max((work / "home").rglob("audit_plan.json"), key=lambda path: path.stat().st_mtime)
    return {
        **seconds,
        "plan": json.loads(plan.read_text()),
        "choice": summary["choice"],
        "wrong_share": summary["wrong_share"],
        "called_wrong": len(called),
        "rightly": int(_wrong(work, called).sum()),
        "wrong": int(wrong.sum()),
        "wrong_among_as_many_first": int(wrong[first].sum()),
        **_figures(-ranking["rank"].astype(float), wrong),
    }


def _theirs(work: Path, ours: Figures, seed: int) -> Figures:
    """Five folds of the same network, trained on as many images as the audit's: 4/5 in each epoch."""
    plan = AuditPlan(**ours["plan"])
    trained = _trained(ours) * (plan.folds - 1) / plan.folds
    epochs = max(1, round(trained / 4))
    began = time.monotonic()
    found = _folds(work, "cleanlab", plan.model, 5, epochs, seed)
    return {"seconds": time.monotonic() - began, "epochs": epochs, **found}


def _trained(ours: Figures) -> int:
    """Epochs of all networks of an audit together, those cut for time left out."""
    trained = [int(count) for count in ours["choice"]["epochs"].partition(" (")[0].split(", ")]
    return sum(trained) if len(trained) > 1 else trained[0] * int(ours["plan"]["folds"])


def _curve(work: Path, model: str) -> Iterator[Figures]:
    """A point for each number of folds and epochs."""
    for way, folds, every in EPOCHS:
        for epochs in every:
            file = work / "curve" / f"{model}-{way}-{folds}-{epochs}.json"
            yield _once(file, partial(_folds, work, way, model, folds, epochs))


def _folds(work: Path, way: str, model: str, folds: int, epochs: int, seed: int = 0) -> Figures:
    """Train folds, and rank by the audit or by cleanlab; the audit plants its errors as always."""
    planted = "confusable_noise(rate=0.03)" if way == "memest" else "none"
    found = trained(
        data=f"folder(path='{work / 'files'}')",
        model=model,
        epochs=epochs,
        seed=seed,
        protocol=f"cross_fit(folds={folds})",
        corruption=planted,
    )
    given, evidence = found.prepared.split.train, found.evidence
    files = tuple(map(str, () if given.names is None else given.names.tolist()))
    wrong = _wrong(work, list(files))
    facts = {"way": way, "folds": folds, "epochs": epochs, "processor_seconds": found.seconds}
    if way == "memest":
        audited = Audited("", given.fingerprint, given.classes, given.ids, files, given.labels)
        return facts | _figures(-conclude(audited, evidence).rank.astype(float), wrong)
    from cleanlab.rank import get_label_quality_scores

    scores = {
        quality: -np.asarray(
            get_label_quality_scores(evidence.labels, evidence.probabilities, method=quality), np.float64
        )
        for quality in QUALITIES
    }
    return facts | {quality: _figures(score, wrong) for quality, score in scores.items()}


def _wrong(work: Path, files: list[str]) -> NDArray[np.bool_]:
    """Which files stand in a wrong folder, (N,)."""
    truth = json.loads((work / "truth.json").read_text())
    return np.array([file in truth for file in files])


def _figures(suspicion_N: Floats, wrong_N: NDArray[np.bool_]) -> Figures:
    first = np.argsort(-suspicion_N, kind="stable")[:FIRST]
    return {"auroc": auroc(suspicion_N, wrong_N), "precision_200": float(wrong_N[first].mean())}


def _picture(curve: Figures) -> bytes:
    """AUROC against how much was trained, a line for each way."""
    lines = {name: (points[0], points[1]) for name, points in _columns(curve["points"]).items()}
    figure = figures.lines(lines, "epochs over all images, of all networks together", "AUROC of wrong labels")
    axes = figure.axes[0]
    axes.set_xscale("log")
    axes.set_ylim(min(min(values) for _, values in lines.values()) - 0.01, 1)
    return figures.png(figure)


def _columns(points: list[Figures]) -> dict[str, list[list[float]]]:
    """Epochs over all images, and AUROCs, by way."""
    return {
        name: [list(column) for column in zip(*rows, strict=True)] for name, rows in _lines(points).items()
    }


def _lines(points: list[Figures]) -> dict[str, list[tuple[float, float]]]:
    """(epochs over all images, AUROC) by way, ascending: each network trains on all folds but one."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for point in sorted(points, key=lambda one: (one["folds"], one["epochs"])):
        names = {f"memest audit, {point['folds']} folds": point}
        if point["way"] == "cleanlab":
            names = {f"cleanlab {quality}, 5 folds": point[quality] for quality in QUALITIES}
        for name, figure in names.items():
            lines.setdefault(name, []).append((point["epochs"] * (point["folds"] - 1), figure["auroc"]))
    return lines


def _write_page(content: Figures) -> None:
    """Put the tables into docs/audit.md, between their marks."""
    parts = [*_budget_text(content), *_called(content), *_curve_text(content)]
    between_marks(PAGE, BEGIN, END, "\n\n".join(parts))


def _budget_text(content: Figures) -> Iterator[str]:
    if "budget" not in content:
        return
    lines = [
        f"| files | | trained | time | precision of the first {FIRST} | AUROC |",
        "|---|---|---|---|---|---|",
    ]
    for pair in content["budget"].values():
        ours, theirs = pair["memest"], pair["cleanlab"]
        plan, count = ours["plan"], f"{pair['count']:,}"
        lines.append(
            f"| {count} | memest audit `--budget {pair['budget']}`, all of it, seed {pair['seed']} | "
            f"{plan['folds']} × {plan['model']}, {ours['choice']['epochs']} epochs | "
            f"{_minutes(ours)} | {_found(ours)} |"
        )
        for quality in QUALITIES:
            trained = f"5 × {plan['model']}, {theirs['epochs']} epochs | {_minutes(theirs)}"
            lines.append(f"| {count} | cleanlab, {quality} | {trained} | {_found(theirs[quality])} |")
    yield "\n".join(lines)


def _called(content: Figures) -> Iterator[str]:
    """What the lists of audits called wrong, a paragraph for each."""
    for pair in content.get("budget", {}).values():
        ours = pair["memest"]
        if "wrong" in ours:
            share, estimate = ours["wrong"] / pair["count"], ours["wrong_share"]
            told = f"{estimate['low']:.1%} – {estimate['high']:.1%}; {share:.1%} are"
            guess = f"could not be told ({told})" if estimate["unknown"] else f"was guessed ({told})"
            wrong, first = ours["wrong"], ours["wrong_among_as_many_first"]
            yield (
                f"Of the {pair['count']:,} files of `--budget {pair['budget']}`, seed {pair['seed']}, "
                f"{wrong} are wrong: {first} of them stand among the first {wrong}.\n"
                f"{ours['called_wrong']} are called wrong, {ours['rightly']} of them rightly; how many are "
                f"wrong in all {guess}."
            )


def _minutes(figures: Figures) -> str:
    return f"{figures['seconds'] / 60:.1f} min"


def _found(figures: Figures) -> str:
    return f"{figures['precision_200']:.3f} | {figures['auroc']:.4f}"


def _curve_text(content: Figures) -> Iterator[str]:
    if "curve" not in content:
        return
    lines = [
        f"| {content['curve']['model']}, {content['curve']['count']:,} files | "
        "AUROC at epochs over all images, of all networks together |",
        "|---|---|",
    ]
    for name, points in _lines(content["curve"]["points"]).items():
        lines.append(f"| {name} | {', '.join(f'{value:.4f} at {epochs:.0f}' for epochs, value in points)} |")
    yield "\n".join(lines)


if __name__ == "__main__":
    main()
