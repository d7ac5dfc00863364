"""A script over finished runs: queries → RunSet → finding → tables and figures in a folder.

    if __name__ == "__main__":
        print(script("detection", __doc__))

Every keyword of the analysis becomes a flag. `memest analyze` does the same and logs it to MLflow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from memest.analysis.finding import ANALYSES, Finding
from memest.analysis.queries import parse_where, query_runs
from memest.errors import MemestError
from memest.grammar.once import OnceParser
from memest.grammar.registry import keyword_parameters
from memest.grammar.spec import Spec, literal
from memest.paper import analyses as analyses
from memest.reports import figures
from memest.reports.sections import painted
from memest.tracking import connect, home, tracking_uri


def script(analysis: str, purpose: str, arguments: Sequence[str] | None = None) -> str:
    """Query, judge and write what one analysis finds; its text for a terminal.

    Args:
        analysis: its name in `ANALYSES`.
        purpose: the script's docstring; the first line is its help text.
        arguments: of the command line; those of the process if None. What cannot be done ends it with
            exit code 2 and one line.
    """
    settings = keyword_parameters(ANALYSES[analysis])
    parser = OnceParser(purpose.splitlines()[0])
    parser.add_argument("experiment", help="MLflow experiment")
    parser.add_argument("--where", default="", help="only runs with these axes: model=tiny, seed=1")
    parser.add_argument("--into", type=Path, default=Path("results"), help="folder for tables and figures")
    for key, parameter in settings.items():
        needed = parameter.default is parameter.empty
        shown = "needed" if needed else f"default: {parameter.default}"
        parser.add_argument(
            f"--{key}", required=needed, default=argparse.SUPPRESS, help=f"of the analysis ({shown})"
        )
    wanted = parser.parse_args(arguments)
    given = tuple((key, literal(getattr(wanted, key))) for key in settings if hasattr(wanted, key))
    try:
        spec = ANALYSES.parse(Spec(analysis, given))
        client = connect(tracking_uri(), existing=True)
        runs = query_runs(client, wanted.experiment, parse_where(wanted.where), home() / "cache")
        finding: Finding = ANALYSES.call(spec, runs)
    except MemestError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    save(finding, wanted.into)
    return finding.text()


def save(finding: Finding, folder: Path) -> None:
    """Tables as CSV and figures as SVG and PNG, by name, in `folder`, which is made.

    A picture of images that are not on this machine is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in finding.tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    for name, figure in painted(finding.page).items():
        if not isinstance(figure, str):
            (folder / f"{name}.svg").write_bytes(figures.svg(figure))
            (folder / f"{name}.png").write_bytes(figures.png(figure))
