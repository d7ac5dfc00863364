"""Which summaries find the changed labels? Every finished run of an experiment, as tables and figures.

    python analysis/detection.py demo --where model=tiny --into results

The steps by hand: queries → RunSet → tables → figures. `memest analyze` does the same and logs it to MLflow.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from memest.analysis import figures
from memest.analysis.detection import detection
from memest.analysis.queries import find_runs, parse_where
from memest.tracking import connect, home, tracking_uri


def main() -> None:
    """Query, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", help="MLflow experiment")
    parser.add_argument("--where", default="", help="only runs with these axes: model=tiny, seed=1")
    parser.add_argument("--into", type=Path, default=Path("results"), help="folder for tables and figures")
    wanted = parser.parse_args()

    client = connect(tracking_uri(), existing=True)
    runs = find_runs(client, wanted.experiment, parse_where(wanted.where), home() / "cache")
    finding = detection(runs)

    wanted.into.mkdir(parents=True, exist_ok=True)
    for name, table in finding.tables.items():
        table.to_csv(wanted.into / f"{name}.csv", index=False)
    for section in finding.sections:
        for (name, _), figure in section.paint().items():
            (wanted.into / f"{name}.svg").write_bytes(figures.svg(figure))
    print(finding.text())


if __name__ == "__main__":
    main()
