"""Exports are read by the projects they are for, in an environment of their own.

It needs cleanlab[datalab], pandas, fiftyone and label-studio-sdk; MEMEST_READERS names its Python.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from audited import audited

from memest.export import export
from memest.export.base import flagged

READERS = os.environ.get("MEMEST_READERS", "")
pytestmark = pytest.mark.skipif(not READERS, reason="MEMEST_READERS names no Python with the other projects")

DATALAB = """
import runpy
lab = runpy.run_path("load.py")["lab"]
issues = lab.get_issues("label")
order = issues["label_score"].argsort()
print(int(issues["is_label_issue"].sum()), *order[:20])
assert {"near_duplicate", "outlier"} <= {name for name in lab.get_issue_summary()["issue_type"]}
"""
FIFTYONE = """
from fiftyone.utils.data.importers import FiftyOneImageClassificationDatasetImporter
importer = FiftyOneImageClassificationDatasetImporter(dataset_dir=".")
with importer:
    for path, _, label in importer:
        print(path, label.label, label["suggested"], label["rank"])
"""
LABEL_STUDIO = """
import json
from label_studio_sdk.label_interface import LabelInterface
interface = LabelInterface(open("config.xml").read())
tasks = json.load(open("tasks.json"))
assert all(interface.validate_task({"data": task["data"]}) for task in tasks)
assert all(interface.validate_prediction(made) for task in tasks for made in task["predictions"])
assert not interface.validate_prediction(tasks[0]["predictions"][0] | {"result": [{"type": "choices", \
"from_name": "label", "to_name": "image", "value": {"choices": ["no class"]}}]})
print(len(tasks))
"""


def read(folder: Path, code: str) -> str:
    """What the other project says of a folder."""
    done = subprocess.run([READERS, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_cleanlab_makes_a_datalab_of_it(tmp_path: Path) -> None:
    """Its issues are found, duplicates and outliers from the graph among them."""
    findings, images = audited()
    export("cleanlab", findings, images, tmp_path)
    *_, last = read(tmp_path / "cleanlab", DATALAB).strip().splitlines()
    count, *first = map(int, last.split())
    assert count > 10
    assert len(set(first) & set(findings.order[:30].tolist())) > 15


def test_fiftyone_reads_every_image_and_label(tmp_path: Path) -> None:
    """Its importer finds each picture, the label and the attributes."""
    findings, images = audited()
    export("fiftyone", findings, images, tmp_path)
    lines = [line.split() for line in read(tmp_path / "fiftyone", FIFTYONE).strip().splitlines()]
    found = {int(Path(path).stem): (label, suggested, int(rank)) for path, label, suggested, rank in lines}
    assert found == {
        int(findings.ids[n]): (
            findings.classes[findings.labels[n]],
            findings.classes[findings.suggested[n]],
            int(findings.rank[n]),
        )
        for n in range(len(findings))
    }


def test_label_studio_takes_tasks_and_predictions(tmp_path: Path) -> None:
    """Every task fits the interface, and every prediction names one of its choices."""
    findings, images = audited()
    export("label_studio", findings, images, tmp_path)
    assert int(read(tmp_path / "label_studio", LABEL_STUDIO)) == len(flagged(findings))
