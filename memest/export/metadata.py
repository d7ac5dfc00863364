"""A `metadata.csv` with suggested labels in place of wrong ones, as Hugging Face's imagefolder reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from memest.auditing.findings import Findings
from memest.data import ImageSet
from memest.export.base import EXPORTS, put_csv, source_files
from memest.grammar.values import Within


@EXPORTS.register
def metadata(
    findings: Findings, images: ImageSet, folder: Path, *, least: Annotated[float, Within(0, 1)] = 0.5
) -> None:
    """`metadata.csv` with file_name, label, given, probability, kind and id, one row for each image.

    Nobody has looked at these labels: `memest apply` writes those that a person has decided on.

    Args:
        least: the probability of being wrong from which an example of kind `wrong` takes its suggestion.
    """
    rows = []
    for n in range(len(findings)):
        taken = findings.kind[n] == "wrong" and findings.probability[n] >= least
        label = findings.suggested[n] if taken else findings.labels[n]
        given = findings.classes[findings.labels[n]]
        facts = f"{findings.probability[n]:.4f}", findings.kind[n], findings.ids[n]
        rows.append((findings.files[n], findings.classes[label], given, *facts))
    name = "file_name" if source_files(findings) else "name"  # what has no files is no imagefolder
    put_csv(folder / "metadata.csv", (name, "label", "given", "probability", "kind", "id"), rows)
