"""The benchmarks of speed on this device: a scored epoch, CSL for free, training, the whole mislabel cell.

    python -m benchmarks.accelerator.benches --device cuda --into found

They are those of `python -m benchmarks`, each in a process of its own, begun as long as there is time; what
they find is copied to the folder one by one, so that an interrupted call keeps the earlier ones.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

from benchmarks.accelerator.kept import Deadline, arguments
from benchmarks.rows import RESULTS

NAMES = {"scored_epoch": "a", "free_csl": "b", "throughput": "c, d"}
TINY = {
    "scored_epoch": ["--pairs=1", "--model=resnet18(width=4)", "--batch=8", "--probes=1"],
    "free_csl": ["--pairs=1", "--model=resnet18(width=4)", "--images=64"],
    "throughput": ["--pairs=1", "--model=resnet18(width=4)", "--images=64", "--workers=0", "--learned=64"],
}


def main() -> None:
    """Run those that are not there yet."""
    parser = arguments(__doc__)
    parser.add_argument(
        "--tiny", action="store_true", help="with the smallest settings, to see that it works"
    )
    options = parser.parse_args()
    deadline = Deadline(options.seconds)
    options.into.mkdir(parents=True, exist_ok=True)
    suffix = "" if options.device == "cpu" else f".{options.device}"
    for name, letter in NAMES.items():
        kept = options.into / f"{name}{suffix}.json"
        if kept.is_file():
            print(f"({letter}) {name} is there: {kept}", flush=True)
            continue
        if deadline.passed:
            print(f"({letter}) {name} is left for the next call", flush=True)
            continue
        before = (RESULTS / kept.name).read_bytes() if (RESULTS / kept.name).is_file() else None
        command = [sys.executable, "-m", f"benchmarks.{name}", "--device", options.device]
        code = subprocess.call([*command, *(TINY[name] if options.tiny else [])])
        if code == 0:
            shutil.copy(RESULTS / kept.name, kept)
            print(
                f"({letter}) {name}: {len(json.loads(kept.read_text())['rows'])} figures, {kept}", flush=True
            )
        if before is not None and options.device == "cpu":  # the page's figures are of other settings
            (RESULTS / kept.name).write_bytes(before)


if __name__ == "__main__":
    main()
