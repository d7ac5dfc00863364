"""A training run's own page: its most suspicious labels, the same bytes whenever it is made."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from memest.cli import main
from memest.data import load_images
from memest.runs.page import run_page
from memest.store import LocalBlobs, SheetReader

COMMAND = (
    "train --data digits --limit 200 --model tiny(width=4) --epochs 2 --tracking offline "
    "--corruption symmetric_noise(rate=0.05) --scores loss,correct"
)


@pytest.mark.pictures
def test_a_run_has_a_page_of_its_most_suspicious_labels(tmp_path: Path) -> None:
    """In the order of seen/csl; what was changed on purpose is said; no label is suggested."""
    assert main(COMMAND.split()) == 0
    (path,) = tmp_path.rglob("report.html")
    html = path.read_text()
    data = json.loads(re.search('id="data">(.*?)</script>', html, re.DOTALL)[1])  # type: ignore[index]
    sheet = SheetReader.open(LocalBlobs(path.parent))
    summary = sheet.summary()
    csl = dict(zip(summary["id"].tolist(), summary["seen/csl"].tolist(), strict=True))
    assert len(data["id"]) == 100 and data["id"][0] == max(csl, key=lambda number: csl[number])
    assert "The 100 most suspicious labels of 200" in html
    assert set(data["suggested"]) == {-1} and set(data["probability"]) == {None}
    labels = dict(zip(summary["id"].tolist(), summary["label"].tolist(), strict=True))
    assert data["label"] == [labels[number] for number in data["id"]]
    changed = dict(zip(summary["id"].tolist(), summary["changed"].tolist(), strict=True))
    said = {n: "changed on purpose" in why for n, why in zip(data["id"], data["why"], strict=True)}
    assert said == {number: bool(changed[number]) for number in data["id"]}
    at_first = [changed[number] for number in data["id"][: sum(changed.values())]]
    assert f"{100 * sum(at_first) / len(at_first):.0f} % of the first {len(at_first)} are such" in html
    images = load_images("digits", 200).train
    assert run_page(images, sheet, summary, "csl") == run_page(images, sheet, summary, "csl")


def test_a_run_that_is_told_to_paint_none_lacks_pictures_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With MEMEST_PICTURES=0 there is neither page nor figure; the list of suspicious labels is there."""
    monkeypatch.setenv("MEMEST_PICTURES", "0")
    assert main(COMMAND.split()) == 0
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert "suspicious.json" in kept and "report.html" not in kept
    assert not [name for name in kept if name.endswith((".png", ".webp"))]
