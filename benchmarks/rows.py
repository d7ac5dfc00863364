"""What a benchmark says: rows of one figure each, kept as JSON with the machine they were taken on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import Ratio, machine
from memest.grammar.once import OnceParser
from memest.reports.markdown import markdown_table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: is measured, against what.
        value: the figure.
        unit: of it; `×` for a ratio.
        interval: where it was taken more than once, what `spread` says.
        bar: what it is held against, in words; empty if nothing.
        kept: whether it keeps the bar; None without one.
        spread: `95 %` for a bootstrap interval of the median, `range` for least and most.
    """

    what: str
    value: float
    unit: str = "×"
    interval: tuple[float, float] | None = None
    bar: str = ""
    kept: bool | None = None
    spread: str = "95 %"


def at_most(bar: float, row: Row) -> Row:
    """The row, held against a bar that it should not exceed."""
    return replace(row, bar=f"≤ {bar:g}", kept=row.value <= bar)


def at_least(bar: float, row: Row) -> Row:
    """The row, held against a bar that it should reach."""
    return replace(row, bar=f"≥ {bar:g}", kept=row.value >= bar)


def compared(what: str, ratio: Ratio) -> Row:
    """The median ratio of a comparison."""
    return Row(what, ratio.median, interval=ratio.interval(), spread=ratio.spread)


def publish(name: str, device: torch.device, rows: Sequence[Row], **details: Any) -> None:
    """Print the rows and write them, the machine and the details as `results/<name>.json`.

    Figures of a GPU stand beside those of a CPU: `<name>.cuda.json`.
    """
    print(table(rows))
    suffix = "" if device.type == "cpu" else f".{device.type}"
    content = {"machine": machine(device), "rows": [asdict(row) for row in rows]} | details
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}{suffix}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


SHORT = {"epochs": 6, "limit": 200}
"""Settings of runs that show that a benchmark works, and no more."""
CIFAR = "npz(path=cifar100.npz)"


def command(name: str, with_cifar: bool) -> str:
    """What makes a page from nothing, in Markdown; `analysis.cifar100` makes the file of CIFAR-100."""
    if not with_cifar:
        return f"`python -m benchmarks.{name}`"
    return f"`python -m benchmarks.{name} --cifar '{CIFAR}'` (`analysis/cifar100.py` makes that file)"


def over_seeds(text: str | None, seeds: int) -> argparse.Namespace:
    """Options of a benchmark that trains over seeds and writes a page: seeds, cifar, no_measuring, short."""
    parser = OnceParser(text)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--cifar", default="", help="dataset spec of CIFAR-100; none: digits alone")
    parser.add_argument("--no-measuring", action="store_true", help="only the page, of what was kept")
    parser.add_argument("--short", action="store_true", help="tiny runs of one seed, a page that is not kept")
    return parser.parse_args()


def table(rows: Sequence[Row]) -> str:
    """Rows as people read them."""
    width = max(len(row.what) for row in rows)
    return "\n".join(f"{row.what:{width}}  {_figure(row)}" for row in rows)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table in Markdown; its first `words` columns are words, all others numbers."""
    return markdown_table(heads, "l" * words + "r" * (len(heads) - words), rows)


def between_marks(page: Path, begin: str, end: str, text: str) -> None:
    """Put a text into a page, between its two marks."""
    before, _, rest = page.read_text().partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def _figure(row: Row) -> str:
    interval = f"  {row.spread} {row.interval[0]:.4g} … {row.interval[1]:.4g}" if row.interval else ""
    verdict = {True: "kept", False: "MISSED", None: ""}[row.kept]
    bar = f"  bar {row.bar} {verdict}" if row.bar else ""
    return f"{row.value:9.4g} {row.unit:9}{interval}{bar}"
