"""What the ledger found, one sentence for each setting and column: made from the numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from memest.paper.cells import BASELINES
from memest.paper.leak_cells import AGAINST, OTHERS, SHOWN
from memest.paper.leak_verdict import RELEASED_SIGN
from memest.paper.ledger import LedgerEntry

NOUNS = {
    "mislabeled": "Mislabel detection, AUROC",
    "duplicates": "Conflicting duplicates, AUROC, both members positives",
    "similarity": "Similarity with a reference",
    "cross_architecture": "Agreement of two runs on the same labels, Spearman",
    "leak_audit": "Leak audit: AUROC by the labels that losses were measured against",
}
"""What each table is of, in the order of the page."""


def value_text(entry: LedgerEntry) -> str:
    """A value with its spread, and what that is over where it is not over seeds."""
    spread = "" if entry.spread is None else f" ± {entry.spread:.4f}"
    return f"{entry.value:.4f}{spread}{' over pairs' if spread and entry.pairs else ''}"


def found_lines(found: Sequence[LedgerEntry]) -> Iterator[str]:
    """Markdown list items: which methods come first and where CSL stands, in each column of each setting."""
    for table, noun in NOUNS.items():
        mine = sorted((one for one in found if one.table == table), key=_where)
        for _, same in groupby(mine, key=_where):
            entries = list(same)
            head = f"- **{noun}**, {entries[0].scale}: {entries[0].what}"
            if table in _WHOLE:
                yield from (f"{head}: {text}." for text in _WHOLE[table](entries))
            else:
                yield f"{head}; {entries[0].column}: {_ranking(entries)}."


def _where(entry: LedgerEntry) -> tuple[str, ...]:
    column = "" if entry.table in _WHOLE else entry.column
    return (entry.scale, entry.what, entry.commit, entry.definitions, column)


def _ranking(entries: Sequence[LedgerEntry]) -> str:
    """The first three, CSL's place and the baselines; methods that rest on fewer seeds are not ranked."""
    most = max(one.seeds for one in entries)
    ordered = sorted(entries, key=lambda one: (-one.value, one.method))
    ranked = [one for one in ordered if one.method not in BASELINES and one.seeds == most]
    parts = ["highest " + ", ".join(f"{one.method} {value_text(one)}" for one in ranked[:3])]
    parts += [
        f"CSL {value_text(one)} is number {place} of {len(ranked)}"
        for place, one in enumerate(ranked, 1)
        if one.method == "CSL" and place > 3
    ]
    if fewer := [one.method for one in ordered if 0 < one.seeds < most]:
        parts.append(f"on fewer than {most} seeds: {', '.join(fewer)}")
    parts += [f"a {one.method} {value_text(one)}" for one in ordered if one.method in BASELINES]
    return f"{'; '.join(parts)} (of {len(ranked)} methods)" if len(parts) == 1 else "; ".join(parts)


def _agreements(entries: Sequence[LedgerEntry]) -> Iterator[str]:
    """For each method the range between networks and between seeds of one."""
    for method in sorted({one.method for one in entries}):
        mine = [one for one in entries if one.method == method]
        kinds = {
            "between networks": [one.value for one in mine if not one.column.startswith("seeds of")],
            "between seeds of one": [one.value for one in mine if one.column.startswith("seeds of")],
        }
        texts = [f"{min(v):.2f}–{max(v):.2f} {kind}" for kind, v in kinds.items() if v]
        yield f"{method} {', '.join(texts)}"


def _audited(entries: Sequence[LedgerEntry]) -> Iterator[str]:
    """For each rate and method what it gives against each set of labels."""
    against = {one: place for place, one in enumerate([*AGAINST.values(), OTHERS])}
    cells = {(*one.column.split(", ", 1), one.method): one for one in entries}
    for rate in dict.fromkeys(rate for rate, _, _ in cells):
        for method in (name for name in SHOWN if name in _NAMES):
            mine = {at: one for (of, at, name), one in cells.items() if (of, name) == (rate, method)}
            texts = [f"{value_text(mine[at])} against {at}" for at in against if at in mine]
            if texts:
                yield f"{rate}, {_NAMES[method]}: {'; '.join(texts)}"


_NAMES = {"csl": "CSL", RELEASED_SIGN: "first learned in the released sign"}
_WHOLE = {"cross_architecture": _agreements, "leak_audit": _audited}
"""Tables whose columns are said together, and how."""
