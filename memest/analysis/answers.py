"""What a table of judged methods says in words: the answer, the rows that matter first, what is below chance.

table of one study → answer(part), first(part), notes(part)
table of all studies → overall(table)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memest.analysis.averages import records
from memest.analysis.columns import misleads
from memest.analysis.evaluated import REFERENCE
from memest.analysis.groups import how_many
from memest.grammar.spec import SEEN, is_online, without_seen
from memest.summaries import SUMMARIES

if TYPE_CHECKING:
    import pandas as pd

BEST = 4
"""So many of the best are shown first."""
KNOWN = ("csl", "seen/csl", "aum", "mean_el2n", "forgetting_count", "confident_learning")
"""Methods that people look for: shown first wherever they rank."""
CHANCE = 0.5
_SEEN = (
    "seen/…: from the training batches themselves, as they were trained on, before each step; it costs "
    "nothing. Without seen/: from a pass over all examples after each epoch, in evaluation mode, without "
    "augmentation."
)


def answer(part: pd.DataFrame) -> str:
    """What the list that runs show finds of the changed labels, and the best method where that is another.

    That list is by the online csl, or, where there is none, csl or the best method.
    """
    rows = records(part)
    known = {str(row["method"]): row for row in rows}
    row = next((known[name] for name in (SEEN + REFERENCE, REFERENCE) if name in known), rows[0])
    changed, examples = int(row["positives"]), int(row["examples"])
    depth = round(0.95 * changed + row["fpr95"] * (examples - changed))
    said = (
        f"Among the first {changed:,} of {examples:,} labels that {row['label']} lists, "
        f"{100 * row['precision']:.0f} % were changed; to find 95 % of the changed ones look at {depth:,}."
    )
    return said if row is rows[0] else f"{said} {highest(part)}"


def highest(part: pd.DataFrame, of: str = "") -> str:
    """The method with the highest AUROC, beside csl.

    Args:
        of: what is to be found, in words.
    """
    rows = records(part)
    said = f"Highest AUROC{f', {of}' if of else ''}: {rows[0]['label']} {rows[0]['auroc']:.4f}"
    csl = next((row for row in rows[1:] if row["method"] == REFERENCE), None)
    return f"{said} ({csl['label']}: {csl['auroc']:.4f})." if csl else f"{said}."


def first(part: pd.DataFrame) -> list[int]:
    """Places of the rows that are shown before the reader asks for the others.

    These are the best, those that people know, and those that other packages bring, wherever they rank.
    """
    return [
        place
        for place, row in enumerate(records(part))
        if place < BEST or _foreign(row) or (_bare(row) in KNOWN and not below_chance(row))
    ]


def notes(part: pd.DataFrame) -> list[str]:
    """What `seen/` is, where there is one; which methods rank below chance, and why."""
    rows = records(part)
    seen = [_SEEN] if any(is_online(str(row["method"])) for row in rows) else []
    below = [row for row in rows if below_chance(row)]
    if not below:
        return seen
    names = ", ".join(f"{row['label']} {row['auroc']:.2f}" for row in below)
    reasons = {without_seen(_bare(row)): misleads(str(row["method"])) for row in below}
    why = [f"{name}: {reason}" for name, reason in reasons.items() if reason]
    return [*seen, f"Below chance ({CHANCE}) with every seed: {names}.", *why]


def below_chance(row: dict[str, Any]) -> bool:
    """Whether a method ranks changed labels below kept ones, with every seed."""
    return bool(row["highest"] < CHANCE)


def overall(table: pd.DataFrame) -> str:
    """The answer of several studies together; empty where there is one."""
    groups = [records(part) for _, part in table.groupby("group", sort=False)]
    if len(groups) < 2:
        return ""
    best = [str(rows[0]["method"]) for rows in groups]
    most = max(dict.fromkeys(best), key=best.count)
    said = f"{most} has the highest AUROC in {best.count(most)} of {how_many(len(groups), 'setting')}"
    if best.count(most) == 1:
        said = f"Each of {how_many(len(groups), 'setting')} has another method with the highest AUROC"
    for name in (SEEN + REFERENCE, REFERENCE):
        csl = [row["auroc"] for rows in groups for row in rows if row["method"] == name]
        if len(csl) == len(groups):
            return f"{said}; {name} has {min(csl):.3f} to {max(csl):.3f} over them."
    return f"{said}."


def _foreign(row: dict[str, Any]) -> bool:
    """Whether a method is a summary of another package."""
    name = without_seen(_bare(row))
    return name in SUMMARIES and name not in SUMMARIES.own


def _bare(row: dict[str, Any]) -> str:
    """A method without its settings; what was measured apart keeps its own name."""
    return str(row["method"]).partition("(")[0]
