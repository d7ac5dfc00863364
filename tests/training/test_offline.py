"""Runs made without a server: the same bytes as online, and after delivery runs like any other."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memest.errors import SettingError, UndeliveredError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages import analyze, score, train
from memest.stages.config import AnalyzeConfig, ScoreConfig
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import connect, deliver, sealed_runs

pytestmark = [pytest.mark.mlflow, pytest.mark.pictures]
TIMES = {"tables/cost.json"}
"""What differs between two runs of the same configuration: how long things took."""
REFUSING = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"mlflow", "boto3", "botocore", "minio", "sqlalchemy", "requests"}:
            raise ModuleNotFoundError(f"{name} is refused here", name=name)

sys.meta_path.insert(0, Refuse())
from memest import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def settings(**more: Any) -> dict[str, Any]:
    """A tiny run with noise, a kept network and an experiment of the test's own."""
    shared = {"corruption": "symmetric_noise(rate=0.1)", "epochs": 2, "limit": 100, "checkpoints": "all"}
    return shared | {"tracking": "offline", "experiment": Path.cwd().name} | more


def run(**more: Any) -> Any:
    """Train in this process."""
    return train.train(build(TrainConfig, settings(**more)))


@pytest.fixture
def client(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A real store, which the environment names."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MEMEST_GATHER", "0")
    return connect(store_uri)


def runs_of(client: Any, experiment: str) -> list[Any]:
    """All runs of an experiment, the first first."""
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time"]))


def artifacts(client: Any, run_id: str) -> dict[str, bytes]:
    """Every artifact of a run but times."""
    blobs = ArtifactBlobs(client, run_id)
    folders = ("", "sheet", "checkpoint", "figures", "tables")
    names = itertools.chain.from_iterable(blobs.names(folder) for folder in folders)
    return {name: blobs.get(name) for name in names if name not in TIMES}


def facts(run: Any) -> dict[str, Any]:
    """What a server knows of a run, without times and without where it lies."""
    apart = ("mlflow.runName", "mlflow.memest.ho", "mlflow.memest.heartbeat", "mlflow.artifact")
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith(apart)}
    metrics = {name: value for name, value in run.data.metrics.items() if not _timed(name)}
    inputs = [given.dataset.digest for given in run.inputs.dataset_inputs]
    return {"tags": tags, "params": run.data.params, "metrics": metrics, "inputs": inputs} | {
        "name": run.info.run_name,
        "status": run.info.status,
        "user": run.info.user_id,
    }


def _timed(name: str) -> bool:
    return any(word in name for word in ("second", "cost", "overhead", "share", "memory"))


def test_offline_needs_neither_mlflow_nor_the_client_of_a_store() -> None:
    """Training to the end in an interpreter that refuses them; the journal is all there is."""
    flags = [f"--{name}={value}" for name, value in settings(epochs=1).items()]
    command = [sys.executable, "-W", "error::UserWarning:memest", "-c", REFUSING, "train", *flags]
    environment = os.environ | {"PYTHONPATH": str(Path(train.__file__).parents[2])}
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.rstrip().endswith("is done")
    (head,) = Path(".memest").rglob("head.json")
    assert not list(Path().rglob("mlruns"))
    assert not list(Path().glob("*.db"))
    assert {"entries.jsonl", "blobs"} <= {path.name for path in head.parent.iterdir()}


@pytest.mark.parametrize("tracking", ["offline", "off"])
def test_a_delivered_run_is_a_run_like_any_other(tracking: str, client: Any, store_uri: str) -> None:
    """The same artifacts, to the byte, and the same facts as online; it can be scored again and analysed."""
    name = Path.cwd().name
    online = run(tracking=store_uri, experiment=f"{name}-online").run.id
    offline = Path(run(tracking=tracking).run.id)
    moved = Path("carried") / "by-hand"
    shutil.copytree(offline, moved)
    said = deliver(Path("carried"))
    (there,) = runs_of(client, name)
    assert said.startswith(f"{there.info.run_id}: ")
    here = client.get_run(online)
    assert artifacts(client, there.info.run_id) == artifacts(client, online)
    assert facts(there) == facts(here)
    assert there.info.start_time <= there.info.end_time
    for metric in ("train/loss", "test/accuracy"):
        histories = [client.get_metric_history(one, metric) for one in (there.info.run_id, online)]
        points = [[(point.step, point.value) for point in history] for history in histories]
        assert points[0] == points[1]
    scored = score.score(build(ScoreConfig, {"run": there.info.run_id, "scores": "input_gradient"}))
    assert not scored.done
    text = analyze.analyze(build(AnalyzeConfig, {"experiment": name})).text
    assert "csl" in text
    assert run(tracking=store_uri).done
    assert list(sealed_runs(client, name, "train").values()) == [there.info.run_id]


def test_what_was_delivered_is_not_sent_again(client: Any, tmp_path: Path) -> None:
    """The folder stays readable; delivered again, trained online before, or unasked, nothing new is made."""
    opened = run()
    folder = Path(opened.run.id)
    assert "nothing waits" in deliver()
    deliver(folder)
    assert "finished and whole already" in deliver(folder)
    assert "nothing waits" in deliver()
    assert run().done
    assert opened.run.blobs.names("sheet")
    (there,) = runs_of(client, Path.cwd().name)
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "position").unlink()
    head = (folder / "head.json").read_text()
    (tmp_path / "copy" / "head.json").write_text(head.replace(there.info.run_id, ""))
    assert deliver(tmp_path / "copy") == f"{there.info.run_id}: finished and whole already"


def test_a_run_that_was_deleted_on_the_server_is_delivered_anew(client: Any) -> None:
    """Nothing is lost with it: the folder has everything."""
    folder = Path(run().run.id)
    deliver(folder)
    (there,) = runs_of(client, Path.cwd().name)
    before = artifacts(client, there.info.run_id)
    client.delete_run(there.info.run_id)
    deliver(folder)
    (anew,) = runs_of(client, Path.cwd().name)
    assert anew.info.run_id != there.info.run_id
    assert artifacts(client, anew.info.run_id) == before


def test_the_parts_of_a_protocol_lie_below_the_run_that_joins_them(client: Any) -> None:
    """Delivered together, the runs know one another."""
    run(protocol="k_fold(folds=2)")
    assert len(deliver(Path(".memest")).splitlines()) == 3
    joined, *parts = runs_of(client, Path.cwd().name)
    assert joined.data.tags["memest.protocol"].startswith("k_fold")
    assert [part.data.tags.get("mlflow.parentRunId") for part in parts] == [joined.info.run_id] * 2


def test_what_cannot_be_delivered_is_said(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is not finished, one of an older layout, and querying runs that no server has."""
    with monkeypatch.context() as once, pytest.raises(ZeroDivisionError):
        once.setattr(train, "report", lambda *_: 1 / 0)
        run()
    (head,) = Path(".memest").rglob("head.json")
    with pytest.raises(UndeliveredError, match="is not finished: run its command again"):
        deliver(head.parent)
    assert client.get_experiment_by_name(Path.cwd().name) is None
    assert not run().done
    assert "delivered" in deliver(head.parent)
    old = Path("old/local")
    old.mkdir(parents=True)
    (old / "run.json").write_text('{"tags": {"memest.state": "sealed"}}')
    with pytest.raises(SettingError, match="as an older memest kept it"):
        deliver(old)
    for tracking in ("off", "offline"):
        with pytest.raises(SettingError, match="memest deliver --folder"):
            score.score(build(ScoreConfig, {"run": "x", "tracking": tracking}))
