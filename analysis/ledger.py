"""The ledger: docs/reproduction.md from analysis/results, and new results from the runs of an experiment.

    python -m analysis.ledger                                             the page alone, from what is kept
    python -m analysis.ledger mislabeled --scale small --commit abc123    an experiment's cells, then the page
    python -m analysis.ledger mine --analysis duplicates --scale full --commit abc123
    python -m analysis.ledger mine --analysis "similarity(reference='c_scores(…)')" --scale full --commit …

What is kept is one JSON file per analysis, experiment and scale, with the ids of the runs; from these files
the page is made anew without a server.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from memest.analysis import ANALYSES
from memest.analysis.queries import parse_where, query_runs
from memest.errors import MemestError
from memest.grammar.config import digest
from memest.grammar.once import OnceParser
from memest.grammar.spec import Spec
from memest.paper import analyses as analyses  # registers the paper's
from memest.paper.cells import COLLECTED, ledger_entries
from memest.paper.ledger import read_entries, write_entries
from memest.paper.ledger_page import page
from memest.tracking import connect, home, tracking_uri

ROOT = Path(__file__).parent
RESULTS, PAGE = ROOT / "results", ROOT.parent / "docs" / "reproduction.md"


def main() -> None:
    """Collect what was asked for, then write the page."""
    parser = OnceParser(__doc__)
    parser.add_argument(
        "--analysis",
        help=f"{', '.join(COLLECTED)}, with settings where one needs them; default: the experiment's name",
    )
    parser.add_argument("--where", default="", help="only runs with these axes: model=tiny, seed=1")
    wanted = arguments(parser)
    try:
        if wanted.experiment:
            collect(
                wanted.experiment,
                wanted.analysis or wanted.experiment,
                wanted.where,
                wanted.scale,
                wanted.commit,
            )
        PAGE.write_text(page(read_entries(RESULTS)))
    except MemestError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print(f"{PAGE.relative_to(ROOT.parent)} is made from {len(read_entries(RESULTS))} entries")


def arguments(parser: OnceParser) -> argparse.Namespace:
    """What was asked for: besides the parser's own, the experiment to collect from, its scale and commit."""
    parser.add_argument("experiment", nargs="?", help="in MLflow, to collect from; none: the page alone")
    parser.add_argument("--scale", help="of its runs: smoke, small, medium or full")
    parser.add_argument("--commit", help="of the code that made them")
    wanted = parser.parse_args()
    if wanted.experiment and not (wanted.scale and wanted.commit):
        parser.error("what is collected from an experiment needs --scale and --commit")
    return wanted


def collect(experiment: str, analysis: str, where: str, scale: str, commit: str) -> None:
    """Judge the runs of an experiment and keep what the ledger needs of it."""
    client = connect(tracking_uri(), existing=True)
    runs = query_runs(client, experiment, parse_where(where), home() / "cache")
    found = ledger_entries(ANALYSES.call(analysis, runs), runs, scale, commit)
    write_entries(RESULTS / f"{_asked(analysis, where)}.{experiment}.{scale}.json", found)


def _asked(analysis: str, where: str) -> str:
    """What was asked for, as part of a file name: no paths, so that it is the same on every machine."""
    spec = Spec.parse(analysis)
    parts = [spec.name, *(str(value).partition("(")[0] for value in spec.settings.values())]
    return "-".join(parts + ([digest(where)[:6]] if where else []))


if __name__ == "__main__":
    main()
