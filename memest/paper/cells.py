"""What a finding has for the ledger: one entry for each cell that the paper has, or that is like one of its.

finding → rows of its tables → entries
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from memest.analysis.averages import records
from memest.analysis.finding import Finding
from memest.analysis.groups import AXES
from memest.analysis.runset import RunSet
from memest.analysis.similarity_rows import CONSTANT, PERMUTATION
from memest.errors import DataError
from memest.grammar.spec import Spec
from memest.paper import published
from memest.paper.beside import with_departures
from memest.paper.leak_cells import audited_rows
from memest.paper.ledger import LedgerEntry
from memest.paper.methods import in_paper

if TYPE_CHECKING:
    import pandas as pd

BASELINES = (CONSTANT, PERMUTATION)
"""What similarity is compared with: nulls that know nothing of an example."""
_CORRUPTIONS = {"mislabeled": "symmetric_noise", "duplicates": "conflicting_duplicates"}
"""By table, the corruption that the paper's is about."""


def ledger_entries(finding: Finding, runs: RunSet, scale: str, commit: str) -> list[LedgerEntry]:
    """What a finding of one of `COLLECTED` has for the ledger.

    Args:
        runs: that it is about.
        scale: of the runs, in words.
        commit: of the code that made them.

    Raises:
        DataError: the finding has no table that the ledger knows.
    """
    known = [name for name in _TABLES if name in finding.tables]
    if not known:
        raise DataError(
            f"the ledger takes the tables {', '.join(_TABLES)}; this finding has {', '.join(finding.tables)}"
        )
    tables = {name: finding.tables[name] for name in known}
    if "similarity_per_run" in tables:
        tables["similarity_per_run"] = with_departures(tables["similarity_per_run"], runs)
    found = [cell for name, table in tables.items() for cell in _TABLES[name](table)]
    return [LedgerEntry(scale=scale, commit=commit, **cell) for cell in found]


def _judged(table: str, frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """AUROC by corruption and method: seeds are summed up already."""
    for row in records(frame):
        if row.get("target", "both") != "both":
            continue
        papers = Spec.parse(row["corruption"]).name == _CORRUPTIONS[table]
        yield {
            "table": table,
            "dataset": published.paper_dataset(row["dataset"]) if papers else "",
            "column": _column(table, row["corruption"]),
            "method": _method(row["method"], published.METHODS, papers),
            **_number(row["auroc"], row["spread"]),
            "seeds": int(row["seeds"]),
            "pairs": 0,
            "what": _what(row),
            **_made(row),
            "runs": tuple(row["runs"].split(", ")),
            "reason": _reason(table, row["method"], row["label"], row["departs"]),
        }


def _alike(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Cosine and Pearson with a reference, of the summaries that the paper compares and of the baselines.

    Of several settings of one summary the paper's is taken, else the first, and the reason names it.
    """
    named = frame.assign(theirs=frame.summary.map(published.similar_name))
    named = named.assign(method=named.theirs.where(named.theirs != "", named.summary))
    for _, same in named.groupby([*AXES, "reference", "set", "k", "method"], sort=False):
        theirs, method = same.theirs.iloc[0], same.method.iloc[0]
        if not theirs and method not in BASELINES:
            continue
        exact = published.SIMILAR.get(theirs, method)
        summary = exact if exact in set(same.summary) else same.summary.iloc[0]
        for label, alike in same[same.summary == summary].groupby("label", sort=False):
            apart = {summary if summary != exact else "", str(label) if label != summary else ""}
            yield from _two_measures(alike, theirs, {*alike.departs, *apart} - {""})


def _two_measures(same: pd.DataFrame, theirs: str, reasons: set[str]) -> Iterator[dict[str, Any]]:
    """Cosine and Pearson of runs that may be averaged: one summary, covering the same epochs, one set."""
    row = records(same)[0]
    papers = row["reference"] == "feldman_zhang" and _plain(row)
    which = "all" if row["set"] == "all" else f"top {row['k']:,}"
    for measure, name in (("cosine", "cosine"), ("pearson", "Pearson")):
        values = same[measure].dropna()
        if len(values):
            yield {
                "table": "similarity",
                "dataset": published.paper_dataset(row["dataset"]) if papers else "",
                "column": f"{which}, {name}" if papers else f"{row['reference']}, {which}, {name}",
                "method": _method(row["summary"], published.SIMILAR, papers) if theirs else row["summary"],
                **_over_seeds(row["summary"], values, int(same.seed.nunique())),
                "pairs": 0,
                "what": _what(row),
                **_made(row),
                "runs": tuple(same.run),
                "reason": "; ".join(sorted(reasons)),
            }


def _plain(row: dict[str, Any]) -> bool:
    """Whether a run was trained in one go, on the labels as they come: as the paper compares."""
    return row["corruption"] == "none" and row.get("protocol", "standard") in ("", "standard")


def _agreeing(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rank correlation of two runs, by pair of models, of the summaries that the paper compares."""
    by = ["dataset", "limit", "corruption", "fingerprint", "scores_version", "model_a", "model_b", "summary"]
    for _, same in frame[frame.summary.map(in_paper)].groupby(by, sort=False):
        row = records(same)[0]
        runs = tuple(dict.fromkeys([*same.run_a, *same.run_b]))
        one = row["model_a"] == row["model_b"]
        yield {
            "table": "cross_architecture",
            "dataset": "",
            "column": f"seeds of {row['model_a']}" if one else f"{row['model_a']} and {row['model_b']}",
            "method": row["summary"],
            **_number(same["rank"].mean(), same["rank"].std()),
            "seeds": len(runs) if one else min(same.run_a.nunique(), same.run_b.nunique()),
            "pairs": len(same),
            "what": f"{row['dataset']}{_limit(row)}, {row['corruption']}",
            **_made(row),
            "runs": runs,
            "reason": "",
        }


def _audited(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """AUROC against each set of labels: of the same networks and passes."""
    for row, against, values in audited_rows(frame):
        if not len(values):
            continue
        runs = frame[(frame.group == row["group"]) & frame.seed.isin(values.index)]
        yield {
            "table": "leak_audit",
            "dataset": "",
            "column": f"{_column('leak_audit', row['corruption'])}, {against}",
            "method": row["summary"],
            **_number(values.mean(), values.std()),
            "seeds": len(values),
            "pairs": 0,
            "what": _what(row).replace(f", {row['corruption']}", ""),
            **_made(row),
            "runs": tuple(dict.fromkeys(runs.run)),
            "reason": "; ".join(filter(None, (row["departs"], f"measured at {row['covers']}"))),
        }


_TABLES: dict[str, Callable[[pd.DataFrame], Iterable[dict[str, Any]]]] = {
    "mislabeled": partial(_judged, "mislabeled"),
    "duplicates": partial(_judged, "duplicates"),
    "similarity_per_run": _alike,
    "agreement_per_pair": _agreeing,
    "leak_audit": _audited,
}
COLLECTED = ("mislabeled", "duplicates", "similarity", "cross_architecture", "leak_audit")
"""The analyses whose findings the ledger takes."""


def _method(ours: str, names: Mapping[str, str], papers: bool) -> str:
    """The paper's name; where there is no cell of the paper beside, with our settings if they are not its."""
    plain = "" if "/" in ours else Spec.parse(ours.partition(" of ")[0]).name
    theirs = next((name for name, mine in names.items() if Spec.parse(mine).name == plain), "")
    if papers or ours == names.get(theirs):
        return theirs or ours
    return ", ".join(filter(None, [theirs, ours]))


def _number(value: float, spread: float) -> dict[str, Any]:
    """Five decimals are kept; a single value has no spread."""
    return {"value": round(float(value), 5), "spread": round(float(spread), 5) if spread == spread else None}


def _over_seeds(method: str, values: pd.Series[float], seeds: int) -> dict[str, Any]:
    """Mean and spread over seeds; of a baseline that no seed has a part in, the one number and no seed."""
    once = method in BASELINES and values.nunique() == 1
    return _number(values.mean(), float("nan") if once else values.std()) | {"seeds": 0 if once else seeds}


def _reason(table: str, method: str, label: str, departs: str) -> str:
    """In what ours departs from the paper: the runs, the settings of the method, the way theirs was made.

    The label of a method that was not measured alike in all runs says in what.
    """
    theirs = published.paper_name(method)
    own = method if theirs and method != published.METHODS[theirs] else ""
    parts = (departs, own, label if label != method else "", published.NOTES.get((table, theirs), ""))
    return "; ".join(filter(None, parts))


def _column(table: str, corruption: str) -> str:
    spec = Spec.parse(corruption)
    if table == "duplicates":
        return "both" if spec.name == "conflicting_duplicates" else spec.name
    if spec.name == "human_noise":
        return "labels that people gave"
    return f"{100 * spec.settings['rate']:g} %" if spec.name == "symmetric_noise" else str(spec)


def _what(row: dict[str, Any]) -> str:
    """The setting of runs that may be averaged, and in what it differs from others that read the same."""
    differs = f" ({row['differs']})" if row["differs"] else ""
    setting = f"{row['dataset']}{_limit(row)}, {row['corruption']}, {row['model']}, {row['epochs']} epochs"
    return setting + differs


def _made(row: dict[str, Any]) -> dict[str, str]:
    """From which images and labels, and by which definitions."""
    return {"source": row.get("source", ""), "definitions": row["scores_version"]}


def _limit(row: dict[str, Any]) -> str:
    return f" ({row['limit']} images)" if row["limit"] not in ("", "0") else ""
