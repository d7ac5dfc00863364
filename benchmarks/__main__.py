"""Every benchmark, each in a process of its own, one after another; then all figures in one table.

python -m benchmarks [--device cuda]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from benchmarks.rows import RESULTS, Row, table

ALL = ("scored_epoch", "free_csl", "agreement", "throughput", "sheet_rates", "precision")
ON_CPU_ONLY = ("sheet_rates",)


def main() -> None:
    """Run what was asked for, then print the kept figures of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which; all if none is named")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    for name in options.names or ALL:
        print(f"— {name}", flush=True)
        device = [] if name in ON_CPU_ONLY else ["--device", options.device]
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *device], check=True)
    print("\nall figures kept in benchmarks/results:\n")
    for path in sorted(RESULTS.glob("*.json")):
        rows = [Row(**row) for row in json.loads(path.read_text())["rows"]]
        print(f"{path.stem}\n{table(rows)}\n")


if __name__ == "__main__":
    main()
