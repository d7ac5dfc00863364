"""The findings as files: `issues.csv`, `issues.parquet`, `summary.json`."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from typing import Any

import numpy as np

from memest.auditing.findings import Findings
from memest.auditing.review import random_order
from memest.store.tables import write_table

_DEPTHS = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Shares of the list at which the recall of planted errors is said."""


def issues_csv(findings: Findings) -> bytes:
    """One row for each example that is not fine, most suspicious first; the columns of `Findings.table`."""
    columns = findings.table()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    rounded = columns | {"probability": [f"{value:.4f}" for value in columns["probability"]]}
    writer.writerows(zip(*rounded.values(), strict=True))
    return text.getvalue().encode()


def issues_parquet(findings: Findings) -> bytes:
    """The same as parquet."""
    texts = np.dtypes.StringDType()
    kinds = {"id": np.int64, "rank": np.int64, "probability": np.float64}
    columns = {name: np.array(values, kinds.get(name, texts)) for name, values in findings.table().items()}
    return write_table(columns)


def ranking_parquet(findings: Findings) -> bytes:
    """Every example in the order of the data set, with its place in the list and in the random order.

    The list is that of `issues.csv` and of the report; behind it stand all that is fine, by rank.
    """
    texts = np.dtypes.StringDType()
    classes = np.array(findings.classes, texts)
    place = np.empty(len(findings), np.int64)
    place[np.lexsort((findings.rank, findings.kind == "fine"))] = np.arange(1, len(findings) + 1)
    return write_table(
        {
            "id": findings.ids,
            "file": np.array(findings.files, texts),
            "label": classes[findings.labels],
            "suggested": classes[findings.suggested],
            "rank": findings.rank,
            "place": place,
            "draw": random_order(findings.ids, findings.fingerprint),
        }
    )


def summary_numbers(findings: Findings) -> dict[str, Any]:
    """What the audit came to, in numbers."""
    estimate, planted = findings.estimate, findings.planted
    counts = Counter(findings.kind.tolist())
    return {
        "dataset": findings.dataset,
        "fingerprint": findings.fingerprint,
        "examples": len(findings),
        "classes": len(findings.classes),
        "kinds": {kind: counts[kind] for kind in sorted(counts)},
        "unreadable": len(findings.unreadable),
        "duplicate_groups": len(findings.groups),
        "wrong_share": {
            "share": estimate.share,
            "low": estimate.low,
            "high": estimate.high,
            "reviewed": estimate.reviewed,
            "unknown": estimate.unknown,
            "how": "measured by review" if estimate.reviewed else "a guess of the model, before any review",
        },
        "planted": None
        if planted is None
        else {
            "count": planted.count,
            "how": planted.how,
            "expected_wrong": expected_wrong(findings),
            "recall_at": recall_at(findings),
        },
        "choice": dict(findings.choice),
    }


def recall_at(findings: Findings) -> dict[str, float]:
    """The share of planted errors among the first k of the list, by k; empty where none were planted."""
    planted = findings.planted
    if planted is None:
        return {}
    lengths = {max(1, round(depth * len(findings))) for depth in _DEPTHS} | {expected_wrong(findings)}
    return {str(k): float(planted.found[k - 1] / planted.count) for k in sorted(lengths)}


def expected_wrong(findings: Findings) -> int:
    """How many labels are wrong by the guess, the planted ones among them."""
    planted = findings.planted.count if findings.planted else 0
    guessed = round(findings.estimate.share * len(findings))
    return min(len(findings), max(1, planted + guessed))


def summary_json(findings: Findings) -> bytes:
    """`summary` as JSON."""
    return (json.dumps(summary_numbers(findings), indent=1, ensure_ascii=False) + "\n").encode()
