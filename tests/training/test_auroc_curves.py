"""The curves by which runs are compared in MLflow: AUROC of a few summaries, epoch by epoch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from memest.grammar.config import build
from memest.runs.auroc_curves import CURVES, auroc_curves
from memest.runs.config import TrainConfig
from memest.stages.train import train
from memest.store import SheetReader


def test_curves_are_those_of_sums_up_to_each_epoch_and_few_metrics_are_logged() -> None:
    """CSL after t epochs is recomputed from the losses; scikit-learn judges it; the last is the run's own."""
    settings = {"tracking": "off", "limit": 200, "epochs": 3, "corruption": "symmetric_noise(rate=0.1)"}
    run = train(build(TrainConfig, settings)).run
    sheet = SheetReader.open(run.blobs)
    changed = sheet.summary()["changed"].astype(bool)
    curves = auroc_curves(sheet, changed)
    assert list(curves) == [1, 2, 3]
    epochs, losses = sheet.trace("loss")
    for epoch in curves:
        csl = losses[(epochs >= 1) & (epochs <= epoch)].sum(0, dtype=np.float64)
        np.testing.assert_allclose(curves[epoch]["auroc/csl"], roc_auc_score(changed, csl), atol=1e-6)
        assert set(curves[epoch]) == {f"auroc/{name}" for name in CURVES}
    lines = map(json.loads, (Path(run.id) / "entries.jsonl").read_text().splitlines())
    metrics = [line for line in lines if line["kind"] == "metrics"]
    logged = {name for line in metrics for name in line["values"]}
    for epoch in curves:  # a curve grows with its run: each value beside the losses of its epoch
        assert {"train/loss", *curves[epoch]} <= set(metrics[epoch]["values"])
        assert curves[epoch].items() <= metrics[epoch]["values"].items()
    assert set(curves[3]) < logged
    assert len(logged) < 30
    found = json.loads(run.blobs.get("sheet/evaluation.json"))["found"]
    assert curves[3]["auroc/csl"] == found["csl"]["auroc"]["value"]
