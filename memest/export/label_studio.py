"""Label Studio: one task for each issue, the suggested label as its prediction."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from memest.auditing.findings import Findings, Integers
from memest.data import ImageSet
from memest.export.base import EXPORTS, flagged, image_png, pixels_of, source_files
from memest.files import write_whole


@EXPORTS.register
def label_studio(
    findings: Findings, images: ImageSet, folder: Path, *, prefix: str = "/data/local-files/?d="
) -> None:
    """`tasks.json` and `config.xml`, the labeling interface; most suspicious first.

    Args:
        prefix: of the file names as Label Studio reaches them: its local files, or as `s3://bucket/photos/`.
            Images without files stand in the tasks themselves.
    """
    places = flagged(findings)
    addresses = _addresses(findings, images, places, prefix)
    tasks = [_task(findings, n, url) for n, url in zip(places.tolist(), addresses, strict=True)]
    write_whole(folder / "tasks.json", json.dumps(tasks, ensure_ascii=False, indent=1).encode())
    write_whole(folder / "config.xml", _interface(findings))


def _addresses(findings: Findings, images: ImageSet, places: Integers, prefix: str) -> list[str]:
    if source_files(findings) is not None:
        return [prefix + quote(findings.files[n]) for n in places.tolist()]
    shown = pixels_of(findings, images, places.tolist())
    return [f"data:image/png;base64,{base64.b64encode(image_png(pixels)).decode()}" for pixels in shown]


def _task(findings: Findings, n: int, address: str) -> dict[str, Any]:
    chosen = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [findings.classes[findings.suggested[n]]]},
    }
    return {
        "data": {
            "image": address,
            "id": int(findings.ids[n]),
            "file": findings.files[n],
            "given": findings.classes[findings.labels[n]],
            "kind": str(findings.kind[n]),
            "why": findings.why[n],
        },
        "predictions": [
            {
                "model_version": "memest",
                "score": round(float(findings.probability[n]), 4),
                "result": [chosen],
            }
        ],
    }


def _interface(findings: Findings) -> bytes:
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image")
    ElementTree.SubElement(view, "Text", name="given", value="$given")
    ElementTree.SubElement(view, "Text", name="why", value="$why")
    choices = ElementTree.SubElement(view, "Choices", name="label", toName="image", choice="single-radio")
    for name in findings.classes:
        ElementTree.SubElement(choices, "Choice", value=name)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode").encode()
