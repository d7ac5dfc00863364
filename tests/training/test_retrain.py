"""Memorization by its definition: the estimate against a second way of counting, and a run that died."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memest import cli
from memest.errors import SettingError
from memest.grammar.config import build
from memest.references import REFERENCES
from memest.runs.memorization import Tally
from memest.stages import retrain
from memest.store.tables import read_table

NETWORKS = 16


def run(**more: Any) -> Any:
    """A few networks on a few real images with wrong labels, kept out of MLflow."""
    settings = {
        "limit": 100,
        "corruption": "symmetric_noise(rate=0.1)",
        "networks": NETWORKS,
        "epochs": 3,
        "share": 0.5,
    }
    settings |= {"share": 0.5, "batch_size": 32, "tracking": "off", **more}
    return retrain.retrain(build(retrain.RetrainConfig, settings))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What each network was trained on and gets right."""
    networks: list[tuple[Any, Any]] = []
    add = Tally.add

    def noting(self: Any, member: Any, right: Any) -> None:
        networks.append((member, right))
        add(self, member, right)

    monkeypatch.setattr(Tally, "add", noting)
    return networks


def test_the_estimate_is_the_definition(seen: list[tuple[Any, Any]]) -> None:
    """Share of networks right on an example among those trained on it, minus that among the others."""
    opened = run()
    member, right = (np.stack(columns) for columns in zip(*seen, strict=True))
    expected = [
        right[member[:, n], n].mean() - right[~member[:, n], n].mean() for n in range(member.shape[1])
    ]
    found = REFERENCES.call("values_file(path=memorization.npz)")
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert member.sum(1).tolist() == [50] * NETWORKS
    table = read_table(opened.run.blobs.get("memorization.parquet"))
    hits = [(right[member[:, 0] == was, 0].sum() + 1, (member[:, 0] == was).sum() + 2) for was in (0, 1)]
    error = sum(k / n * (1 - k / n) / n for k, n in hits) ** 0.5
    assert table["standard_error"][0] == pytest.approx(error)
    assert (table["standard_error"] > 0).all()
    assert ((table["low"] <= found.values) & (found.values <= table["high"])).all()
    assert (table["label"] == found.labels).all()


def test_subsets_and_weights_differ(seen: list[tuple[Any, Any]]) -> None:
    """Each network has a subset of its own; the same seed gives the same ones again."""
    run()
    first = [member.tobytes() for member, _ in seen]
    assert len(set(first)) == NETWORKS
    seen.clear()
    run(epochs=2)
    assert [member.tobytes() for member, _ in seen] == first


def test_a_run_that_died_goes_on(seen: list[tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the network at which it died, to the same bytes."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    train = retrain.train_on_some

    def dying(*arguments: Any) -> Any:
        if arguments[2] == 5:
            raise OSError
        return train(*arguments)

    with monkeypatch.context() as once, pytest.raises(OSError):
        once.setattr(retrain, "train_on_some", dying)
        run()
    run()
    assert len(seen) == NETWORKS
    broken = Path("memorization.npz").read_bytes()
    monkeypatch.setenv("MEMEST_HOME", "elsewhere")
    run()
    assert Path("memorization.npz").read_bytes() == broken


def test_too_few_networks_are_refused() -> None:
    """An example that every network would see, or none, has no estimate: found before any is trained."""
    with pytest.raises(SettingError, match="train more --networks"):
        run(networks=2)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"share": 0.001}, "is none"), ({"share": 0.01, "model": "resnet18(width=4)"}, "a batch of one")],
)
def test_subsets_that_no_network_can_train_on_are_refused(settings: dict[str, Any], message: str) -> None:
    """No image at all, or one alone where batch norm needs two values; nothing is written."""
    with pytest.raises(SettingError, match=message):
        run(**settings)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.mlflow
def test_scores_beside_it(store_uri: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run with the same wrong labels is compared on all examples, the changed ones included."""
    where = ["--tracking", store_uri, "--experiment", f"retrain-{tmp_path.name}"]
    same = ["--limit", "100", "--corruption", "symmetric_noise(rate=0.1)", "--batch-size", "32"]
    assert cli.main(["retrain", *same, "--networks", "16", "--share", "0.5", "--epochs", "3", *where]) == 0
    assert cli.main(["train", *same, "--epochs", "6", *where]) == 0
    analysis = "similarity(reference='values_file(path=memorization.npz)')"
    assert cli.main(["analyze", "--analysis", analysis, *where]) == 0
    said = capsys.readouterr().out
    assert "seen/csl" in said
    assert "100 of" not in said
