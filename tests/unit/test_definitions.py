"""What the version of the scores stands for: every definition's values on fixed inputs.

A change that gives other values has to raise `memest.version.SCORES_VERSION` first. For that, and for a new
entry, which is no change,

    make names

writes the values down anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from memest.detect import ProtocolEvidence, suspicions
from memest.scores import KINDS, SCORES, ScoreSet, measure
from memest.summaries import SUMMARIES, Trace, summarise
from memest.version import SCORES_VERSION

FILE = Path(__file__).with_name("definitions.json")
CPU = torch.device("cpu")
EXAMPLES, EPOCHS = 6, 12
WITH_SETTINGS = ["curvature(probes=3, power=2)", "curvature(probes=3, method=hvp)", "input_gradient(norm=1)"]
WITH_SETTINGS += [
    "csl(start=0)",
    "csl(cap=0.5)",
    "first_crossing(tau=0.5)",
    "learning_time(tau=0.5)",
    "loss_sensitivity(norm=2)",
]


def waves(*shape: int, pace: float = 1.0) -> NDArray[np.float32]:
    """Numbers that no generator draws: they stay the same with every version of everything."""
    return np.sin(pace * np.arange(1, np.prod(shape) + 1) ** 1.5).reshape(shape).astype(np.float32)


def network() -> nn.Module:
    """A smooth network whose weights are waves."""
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.Softplus(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 4)
    )
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            weight.copy_(torch.from_numpy(waves(*weight.shape, pace=0.3 + number)))
    return model


def scores() -> Iterator[tuple[str, NDArray[Any]]]:
    """Every score that needs no further package, of six images."""
    images, ids = torch.from_numpy(waves(EXAMPLES, 1, 8, 8)), torch.arange(EXAMPLES)
    batch = SimpleNamespace(images=images, labels=ids % 4, ids=ids)
    wanted = [name for name in SCORES if KINDS[name].package is None]
    wanted += [spec for spec in WITH_SETTINGS if spec.split("(")[0] in SCORES]
    yield from measure(network(), [batch], ids.numpy(), ScoreSet(", ".join(wanted)), CPU, seed=5).items()


def trace(key: str) -> Trace:
    """A plausible course of a score from epoch 0 on."""
    epochs, name = np.arange(EPOCHS + 1), key.removeprefix("seen/").split("(")[0]
    rows = waves(len(epochs), 1 if name.startswith("scalar/") else EXAMPLES, pace=0.7)
    if name == "correct":
        return Trace(epochs, (rows > 0.2).astype(np.float32))
    return Trace(epochs, rows if name == "margin" else rows**2)


def summaries() -> Iterator[tuple[str, NDArray[Any]]]:
    """Every summary of six examples' courses."""
    for text in [*SUMMARIES, *(spec for spec in WITH_SETTINGS if spec.split("(")[0] in SUMMARIES)]:
        yield str(SUMMARIES.parse(text)), np.asarray(summarise(text, trace))


def detectors() -> Iterator[tuple[str, NDArray[Any]]]:
    """Every detector, on sixty examples."""
    logits = 3 * waves(60, 4, pace=0.9)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    correct = Trace(np.arange(EPOCHS + 1), (waves(EPOCHS + 1, 60, pace=0.7) > 0.2).astype(np.float32))
    evidence = ProtocolEvidence(np.arange(60) % 4, correct, EPOCHS // 2, probabilities)
    for protocol in ("k_fold", "second_split"):
        yield from suspicions(protocol, evidence).items()


KIND = {"scores": scores, "summaries": summaries, "detectors": detectors}


def current() -> dict[str, Any]:
    """The file as it should be now."""
    return {"version": SCORES_VERSION} | {
        kind: {key: values.astype(float).tolist() for key, values in each()} for kind, each in KIND.items()
    }


@pytest.mark.parametrize("kind", KIND)
def test_other_values_need_another_version(kind: str) -> None:
    """Every definition gives what is written down for this version, and all of them are."""
    written, now = json.loads(FILE.read_text()), current()
    assert written["version"] == SCORES_VERSION, "write the values of the new version down: make names"
    assert written[kind].keys() == now[kind].keys(), "write the new entry down: make names"
    for key, values in written[kind].items():
        near = 0.02 if key.startswith("curvature") else 1e-4  # a small difference of float32 gradients
        message = f"{key} has other values: raise SCORES_VERSION, or find out why"
        np.testing.assert_allclose(now[kind][key], values, rtol=near, atol=1e-5, err_msg=message)


if __name__ == "__main__":
    FILE.write_text(json.dumps(current(), indent=1) + "\n")
