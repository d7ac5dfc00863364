"""Plain tables: the issues as CSV and parquet, and the copies."""

from __future__ import annotations

from pathlib import Path

from memest.auditing.findings import Findings
from memest.auditing.tables import issues_csv, issues_parquet
from memest.data import ImageSet
from memest.export.base import EXPORTS, put_csv
from memest.files import write_whole


@EXPORTS.register
def tables(findings: Findings, images: ImageSet, folder: Path) -> None:
    """`issues.csv` and `issues.parquet`, a row for each issue; `copies.csv`, one for each copy."""
    write_whole(folder / "issues.csv", issues_csv(findings))
    write_whole(folder / "issues.parquet", issues_parquet(findings))
    header = ("group", "id", "file", "split", "relation", "exact", "similarity")
    rows = [
        (number, id, file, split, group.relation, str(group.exact).lower(), f"{group.similarity:.4f}")
        for number, group in enumerate(findings.groups, start=1)
        for id, file, split in [
            *((id, file, "train") for id, file in zip(group.ids, group.files, strict=True)),
            *(("", file, "test") for file in group.test_files),
        ]
    ]
    put_csv(folder / "copies.csv", header, rows)
