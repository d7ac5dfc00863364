"""FiftyOne's image classification dataset: `labels.json`, with what the audit says as attributes."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from memest.auditing.findings import Findings
from memest.data import ImageSet
from memest.errors import SettingError
from memest.export.base import EXPORTS, image_png, pixels_of, source_files
from memest.files import write_whole


@EXPORTS.register
def fiftyone(findings: Findings, images: ImageSet, folder: Path) -> None:
    """`labels.json`: the given label of each image, with suggestion, probability, kind, rank and reason.

    Image files stay where they are, `data_path=` names their folder; what has no files is written to `data/`.

    Raises:
        SettingError: two files whose names differ in their ending only, which FiftyOne cannot tell apart.
    """
    if source_files(findings) is not None:
        names = [str(PurePosixPath(file).with_suffix("")) for file in findings.files]
    else:
        names = [str(number) for number in findings.ids.tolist()]
        for name, pixels in zip(names, pixels_of(findings, images, range(len(findings))), strict=True):
            write_whole(folder / "data" / f"{name}.png", image_png(pixels), durable=False)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SettingError(
            f"two files are called {twice} but for their ending, and FiftyOne takes them for one: rename "
            "one, or leave fiftyone out"
        )
    labels = {name: _label(findings, n) for n, name in enumerate(names)}
    content = {"classes": list(findings.classes), "labels": labels}
    write_whole(folder / "labels.json", json.dumps(content, ensure_ascii=False).encode())


def _label(findings: Findings, n: int) -> dict[str, Any]:
    attributes = {
        "suggested": findings.classes[findings.suggested[n]],
        "wrong_probability": round(float(findings.probability[n]), 4),
        "kind": str(findings.kind[n]),
        "rank": int(findings.rank[n]),
        "why": findings.why[n],
        "example": int(findings.ids[n]),
    }
    return {"label": findings.classes[findings.labels[n]], "attributes": attributes}
