"""A data map, as Dataset Cartography draws it: confidence and variability of the given label over training.

Axes: E epochs, N examples.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from memest.auditing.findings import Findings
from memest.data import ImageSet
from memest.export.base import EXPORTS, needed
from memest.files import write_whole


@EXPORTS.register
def data_map(findings: Findings, images: ImageSet, folder: Path) -> None:
    """`td_metrics.jsonl`: a line for each example with the columns of the cartography repository.

    Confidence is the mean over epochs of exp(−loss), variability its standard deviation. Correctness counts
    the epochs in which the label had more than half of the probability, which is at most the number of
    correct predictions; forgetfulness, how often it fell below, 1000 where it was never there.

    Raises:
        SettingError: findings without losses.
    """
    p_EN = np.exp(-needed(findings.losses, "the losses of each epoch", "data_map").astype(np.float64))
    mean_N, spread_N = p_EN.mean(0), p_EN.std(0)
    correct_EN = p_EN > 0.5
    forgotten_N = np.where(correct_EN.any(0), (correct_EN[:-1] & ~correct_EN[1:]).sum(0), 1000)
    lines = [
        json.dumps(
            {
                "guid": int(findings.ids[n]),
                "index": n,
                "threshold_closeness": round(float(mean_N[n] * (1 - mean_N[n])), 6),
                "confidence": round(float(mean_N[n]), 6),
                "variability": round(float(spread_N[n]), 6),
                "correctness": int(correct_EN[:, n].sum()),
                "forgetfulness": int(forgotten_N[n]),
                "file": findings.files[n],
                "label": findings.classes[findings.labels[n]],
            },
            ensure_ascii=False,
        )
        for n in range(len(findings))
    ]
    write_whole(folder / "td_metrics.jsonl", ("\n".join(lines) + "\n").encode())
