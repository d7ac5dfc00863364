"""Exports hold what the findings say, and no more: each file is read back and compared."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from audited import audited, findings_of
from PIL import Image

from memest.data import load_images
from memest.data.decoded import texts
from memest.errors import InputError
from memest.export import EXPORTS, export
from memest.export.base import flagged

ALL = ", ".join(sorted(EXPORTS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every export of real digits."""
    assert [path.name for path in export(ALL, *audited(), tmp_path)] == sorted(EXPORTS)
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_have_the_issues_and_the_copies(folder: Path) -> None:
    """One row for each issue in the order of suspicion, one for each copy, the test image among them."""
    findings, _ = audited()
    issues = rows(folder / "tables/issues.csv")
    assert [int(row["id"]) for row in issues] == findings.ids[flagged(findings)].tolist()
    copies = rows(folder / "tables/copies.csv")
    assert [row["group"] for row in copies] == ["1", "1", "2", "2", "2"]
    assert copies[-1] | {"split": "test", "id": "", "file": "4"} == copies[-1]


def test_metadata_takes_suggestions_for_wrong_labels_alone(folder: Path, tmp_path: Path) -> None:
    """All others keep the label that was given; a higher bound takes fewer."""
    findings, images = audited()
    changed = [row for row in rows(folder / "metadata/metadata.csv") if row["label"] != row["given"]]
    assert len(changed) == (findings.kind == "wrong").sum()
    assert {row["kind"] for row in changed} == {"wrong"}
    export("metadata(least=0.95)", findings, images, tmp_path / "sure")
    sure = [row for row in rows(tmp_path / "sure/metadata/metadata.csv") if row["label"] != row["given"]]
    assert len(sure) == ((findings.kind == "wrong") & (findings.probability >= 0.95)).sum() < len(changed)


def test_metadata_beside_its_images_is_a_dataset(tmp_path: Path) -> None:
    """memest's own folder source reads the corrected labels and the ids."""
    images = load_images("digits", 40).train
    for n, pixels in enumerate(images.images):
        path = tmp_path / "photos" / images.classes[images.labels[n]] / f"{n:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(path)
    spec = f"folder(path='{tmp_path / 'photos'}')"
    photos = load_images(spec).train
    p = np.full((40, 10), 0.01, np.float32)
    p[np.arange(40), (photos.labels + (np.arange(40) % 4 == 0)) % 10] = 0.91
    findings = replace(findings_of(photos, p, np.ones((2, 40), np.float32)), dataset=spec)
    export("metadata, fiftyone, label_studio", findings, photos, tmp_path)
    (tmp_path / "metadata/metadata.csv").rename(tmp_path / "photos/metadata.csv")
    again = load_images(f"folder(path='{tmp_path / 'photos'}', id=id)").train
    np.testing.assert_array_equal(again.labels, p.argmax(1))
    np.testing.assert_array_equal(again.ids, photos.ids)
    labels = json.loads((tmp_path / "fiftyone/labels.json").read_text())["labels"]
    assert photos.names is not None
    assert {f"{name}.png" for name in labels} == set(photos.names.tolist())
    assert not (tmp_path / "fiftyone/data").exists()
    task = json.loads((tmp_path / "label_studio/tasks.json").read_text())[0]
    assert task["data"]["image"].startswith("/data/local-files/?d=") and task["data"]["image"].endswith(
        ".png"
    )


def test_cleanlab_ranks_by_what_is_written(folder: Path) -> None:
    """Its label quality from the files is that of the findings; neighbours are the nearest there are."""
    from cleanlab.rank import get_label_quality_scores
    from scipy.sparse import load_npz

    from memest.store.tables import read_table

    findings, _ = audited()
    p = np.load(folder / "cleanlab/pred_probs.npy")
    examples = read_table((folder / "cleanlab/examples.parquet").read_bytes())
    np.testing.assert_allclose(p.sum(1), 1)
    quality = get_label_quality_scores(examples["label"], p, method="self_confidence")
    np.testing.assert_allclose(1 - quality, findings.probability, atol=1e-6)
    graph = load_npz(folder / "cleanlab/knn_graph.npz")
    assert graph.shape == (400, 400) and set(np.diff(graph.indptr)) == {10}
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    distances = 1 - unit @ unit.T
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_allclose(graph[7].data, np.sort(distances[7])[:10], atol=1e-6)


def test_a_class_without_an_image_has_no_column_in_cleanlab(tmp_path: Path) -> None:
    """Numbers of labels and columns stay the same ones."""
    findings, images = audited()
    kept = np.flatnonzero(images.labels != 4)
    some = images.take(kept)
    assert findings.probabilities is not None and findings.losses is not None
    fewer = findings_of(some, findings.probabilities[kept], findings.losses[:, kept])
    export("cleanlab", fewer, some, tmp_path)
    assert np.load(tmp_path / "cleanlab/pred_probs.npy").shape == (len(kept), 9)


def test_fiftyone_and_label_studio_have_every_picture(folder: Path) -> None:
    """Digits have no files: they are written, or stand in the task."""
    findings, images = audited()
    content = json.loads((folder / "fiftyone/labels.json").read_text())
    assert content["classes"] == list(images.classes) and len(content["labels"]) == 400
    number = str(images.ids[3])
    np.testing.assert_array_equal(
        np.asarray(Image.open(folder / f"fiftyone/data/{number}.png")), images.images[3, ..., 0]
    )
    tasks = json.loads((folder / "label_studio/tasks.json").read_text())
    assert len(tasks) == len(flagged(findings))
    assert tasks[0]["data"]["image"].startswith("data:image/png;base64,")


def test_a_data_map_is_that_of_the_losses(folder: Path) -> None:
    """Confidence and variability by their definition."""
    findings, _ = audited()
    lines = [json.loads(line) for line in (folder / "data_map/td_metrics.jsonl").read_text().splitlines()]
    assert findings.losses is not None
    own = np.exp(-findings.losses[:, 5].astype(float))
    assert lines[5]["confidence"] == pytest.approx(own.mean(), abs=1e-6)
    assert lines[5]["variability"] == pytest.approx(own.std(), abs=1e-6)
    assert lines[5]["correctness"] == (own > 0.5).sum()


def test_names_of_classes_cannot_break_a_file(tmp_path: Path) -> None:
    """Quotes, commas and markup in class and file names."""
    _, images = audited()
    classes = tuple(f'{name}, "<b>&' for name in images.classes)
    odd = replace(images, classes=classes, names=texts([f"{n}, <i>.png" for n in images.ids.tolist()]))
    findings, _ = audited()
    assert findings.probabilities is not None and findings.losses is not None
    export(ALL, findings_of(odd, findings.probabilities, findings.losses), odd, tmp_path)
    assert rows(tmp_path / "metadata/metadata.csv")[0]["given"] in classes
    choices = ElementTree.parse(tmp_path / "label_studio/config.xml").iter("Choice")
    assert [choice.get("value") for choice in choices] == list(classes)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("cleanlb", "cleanlab"),
        ("cleanlab(neighbors=0)", "neighbors"),
        ("tables,,cleanlab", "an empty item"),
    ],
)
def test_a_slip_is_told_before_anything_is_written(tmp_path: Path, names: str, words: str) -> None:
    """Also where other exports are named first."""
    with pytest.raises(InputError, match=words):
        export(f"tables, {names}", *audited(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_an_export_needs_is_named(tmp_path: Path) -> None:
    """An audit of a finished run without folds has no probabilities."""
    findings, images = audited()
    with pytest.raises(InputError, match="cleanlab needs out-of-sample probabilities"):
        export("cleanlab", replace(findings, probabilities=None), images, tmp_path)
    with pytest.raises(InputError, match="data_map needs the losses"):
        export("data_map", replace(findings, losses=None), images, tmp_path)
