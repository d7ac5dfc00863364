"""Does acting on an audit help? `memest audit --verify` on image files with 5 % confusable wrong labels.

python -m benchmarks.audit_verify WORK --data fashion_mnist

A folder holds training images, some of them in a wrong class, and test images that are all right. The command
as a user types it audits it and trains its network again, with some seeds: on all given labels, on those that
it corrects, without those that it flags, and without as many drawn at random. The files stay in WORK.
"""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.cross_fitted import write_files, write_images
from benchmarks.rows import RESULTS, between_marks
from benchmarks.timing import machine
from memest.data import load_images
from memest.grammar.once import OnceParser
from memest.reports.markdown import markdown_table
from memest.runs.audit_verify import ALL, CORRECTED, RANDOM, WITHOUT, Verified, mean_interval

PAGE = Path(__file__).parent.parent / "docs" / "review.md"
BEGIN, END = "<!-- verified -->", "<!-- end of verified -->"
KEPT = RESULTS / "audit_verify.json"
PAIRS = ((CORRECTED, ALL), (WITHOUT, ALL), (WITHOUT, RANDOM))
"""What is compared with what, seed by seed."""
Figures = dict[str, Any]


def main() -> None:
    """Measure, keep and write the page."""
    parser = OnceParser(__doc__)
    parser.add_argument("work", help="folder for image files and what is done")
    parser.add_argument("--data", default="fashion_mnist", help="dataset spec that the files are made of")
    parser.add_argument(
        "--count", type=int, default=2500, help="training images; test images at most twice as many"
    )
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--no-measuring", action="store_true", help="only the page, of what was kept")
    options = parser.parse_args()
    if not options.no_measuring:
        settings = {key: value for key, value in vars(options).items() if key not in ("work", "no_measuring")}
        work = Path(options.work).absolute()
        content = {
            "machine": machine(torch.device("cpu")),
            "settings": settings,
            **measured(work, **settings),
        }
        KEPT.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    between_marks(PAGE, BEGIN, END, page(json.loads(KEPT.read_text())))


def measured(
    work: Path, *, data: str, count: int, rate: float, seeds: int, model: str, epochs: int
) -> Figures:
    """The command's own figures, and what it flagged beside what is wrong."""
    from memest.cli import main as command

    os.environ["MEMEST_HOME"] = str(work / "home")
    if not (work / "truth.json").exists():
        test = load_images(data).test
        if test is None:
            raise SystemExit(f"{data} has no test set, and the check is taken on one")
        write_images(test.take(np.arange(min(2 * count, len(test)))), work / "files" / "test")
        write_files(data, count, rate, work, part="train")
    words = ["audit", str(work / "files"), "--tracking", "offline", "--into", str(work / "out")]
    words += ["--model", model, "--epochs", str(epochs), "--folds", "3", "--verify", str(seeds)]
    began = time.process_time()
    if command(words):
        raise SystemExit("the audit did not end well")
    truth = json.loads((work / "truth.json").read_text())
    rows = csv.DictReader((work / "out" / "issues.csv").open(encoding="utf-8"))
    flagged = [row for row in rows if row["kind"] == "wrong"]
    return {
        "processor_seconds": time.process_time() - began,
        "planted": len(truth),
        "flagged_rightly": sum(row["file"] in truth for row in flagged),
        "suggested_rightly": sum(truth.get(row["file"]) == row["suggested"] for row in flagged),
        "verified": json.loads((work / "out" / "verify.json").read_text()),
    }


def page(content: Figures) -> str:
    """The figures in Markdown."""
    settings, verified = content["settings"], content["verified"]
    rows = [
        (name, f"{mean:.2%}", f"{low:.2%} – {high:.2%}")
        for name, (mean, low, high) in verified["intervals"].items()
    ]
    checked = Verified(verified["removed"], verified["test_accuracy"])
    gains = []
    for one, other in PAIRS:
        mean, low, high = (100 * value for value in mean_interval(checked.gains(one, other), -1, 1))
        gains.append((f"{one}, against {other}", f"{mean:+.2f} points", f"{low:+.2f} – {high:+.2f}"))
    heads = ("trained on", "test accuracy", "95 % interval")
    about = (
        f"{settings['count']:,} files of {settings['data']}, {content['planted']} of them with a confusable "
        f"wrong label, `{settings['model']}`, {settings['epochs']} epochs, {settings['seeds']} seeds, by\n"
        f"`python -m benchmarks.audit_verify WORK`; the test labels are right. {verified['removed']} labels\n"
        f"are flagged, {content['flagged_rightly']} of them rightly, and {content['suggested_rightly']} "
        "suggestions are the right class."
    )
    paired = markdown_table(("paired by seed", "difference", "95 % interval"), "lrr", gains)
    return "\n\n".join([about, markdown_table(heads, "lrr", rows), paired])


if __name__ == "__main__":
    main()
