"""Journal and delivery: a real tracking server and a real S3 store that go away and come back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from delivered import EPOCHS, assert_whole, at, entries, run, settings, the_run
from forked import Forked

from memest import cli
from memest.errors import (
    BusyError,
    MemestError,
    SheetError,
    UndeliveredError,
)
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages import train
from memest.store import SheetReader
from memest.store.artifacts import run_blobs
from memest.tracking import home
from memest.tracking.heartbeat import HEARTBEAT, HOST, now

if TYPE_CHECKING:
    from conftest import Platform


pytestmark = pytest.mark.mlflow


PROJECT = Path(__file__).parents[2]


@pytest.mark.pictures
@pytest.mark.parametrize("route", ["direct", "proxied"])
def test_a_run_arrives_whole(route: str, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """By either route to the store: settings, metrics, sheet, figures, and a table that the UI knows of."""
    experiment = platform.experiment(route)
    opened = run(platform, experiment)
    assert assert_whole(platform, experiment) == opened.run.id
    found = platform.client.get_run(opened.run.id)
    assert {"path": "tables/suspicious.json", "type": "table"} in json.loads(
        found.data.tags["mlflow.loggedArtifacts"]
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", platform.server.url)  # load_table knows no other
    table = platform.client.load_table(found.info.experiment_id, "tables/suspicious.json", [opened.run.id])
    assert len(table) == 50
    assert {"id", "label"} < set(table.columns)
    assert found.inputs.dataset_inputs[0].dataset.digest == found.data.tags["mlflow.memest.fingerprint"][:32]
    assert run(platform, experiment).done


def test_the_same_command_delivers_too(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose work is done is not done again: what waits is sent, and the run is found finished."""
    experiment = platform.experiment("proxied")
    with monkeypatch.context() as once:
        once.setenv("MEMEST_DEADLINE", "0.5")
        at(once, {EPOCHS: platform.server.down})
        with pytest.raises(UndeliveredError, match="did not succeed in time"):
            run(platform, experiment)
    platform.server.up()
    at(monkeypatch, {0: lambda: pytest.fail("the work is done already")})
    assert run(platform, experiment).done
    assert_whole(platform, experiment)


def test_the_seal_comes_last(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, truth and summary, manifest, then the end of the run, and as the last word that it is whole."""
    monkeypatch.setenv("MEMEST_DEADLINE", "0")
    experiment = platform.experiment("proxied")
    at(monkeypatch, {EPOCHS: platform.server.down})
    with pytest.raises(UndeliveredError):
        run(platform, experiment)
    (folder,) = (path.parent for path in home().rglob("entries.jsonl"))
    said = entries(folder)
    names = [entry.get("name", "") for entry in said]
    parts = [name for name in names if name.startswith("sheet/")]
    assert [Path(name).name.partition(".")[0] for name in parts] == [
        "block-000000-000005",
        "truth",
        "summary",
        "evaluation",
        "manifest",
    ]
    assert said[-2] | {"time": 0} == {"kind": "status", "value": "FINISHED", "time": 0}
    assert said[-1] == {"kind": "tags", "values": {"memest.state": "sealed"}}
    for name, sha256 in ((e["name"], e["sha256"]) for e in said if e["kind"] == "blob"):
        assert hashlib.sha256((folder / "blobs" / name).read_bytes()).hexdigest() == sha256


@pytest.mark.pictures
def test_secrets_stay_out_of_everything(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """User, password and keys are in no journal, tag, parameter, artifact or error."""
    monkeypatch.setenv("MEMEST_DEADLINE", "0.5")
    experiment = platform.experiment("direct")
    address = platform.server.url.replace("://", "://someone:pass-w0rd@")
    at(monkeypatch, {3: platform.store.down})
    with pytest.raises(UndeliveredError) as error:
        train.train(build(TrainConfig, settings(experiment, tracking=address)))
    secrets = ("pass-w0rd", os.environ["AWS_SECRET_ACCESS_KEY"])
    found = the_run(platform, experiment)
    everything = f"{error.value} {found.to_dictionary()}".encode()
    everything += b"".join(path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret.encode() in everything]
    platform.server.down()
    with pytest.raises(MemestError) as error:
        train.train(build(TrainConfig, settings(experiment, seed=1, tracking=address)))
    assert "pass-w0rd" not in str(error.value)
    assert str(platform.server.port) in str(error.value)


def test_two_at_once(platform: Platform) -> None:
    """Two processes start the same configuration: one runs, the other says so and is content."""
    experiment = platform.experiment("proxied")
    flags = settings(experiment, tracking=platform.server.url) | {"epochs": 60}
    both = [Forked(["memest", "train", *(f"--{k}={v}" for k, v in flags.items())]) for _ in "ab"]
    said = sorted((process.communicate(timeout=120)[0] for process in both), key=len)
    assert [process.returncode for process in both] == [0, 0]
    assert "another process is at work on this configuration" in said[0]
    assert [line for line in said[1].splitlines() if line.endswith("is done")]
    assert the_run(platform, experiment).info.status == "FINISHED"


def test_a_given_run_ends_when_another_does_its_work(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run that `mlflow run` made is no orphan: it ends as FINISHED, and says why it is empty."""
    experiment = platform.experiment("proxied")
    client = platform.client
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    run_id = claim_elsewhere(platform, experiment)
    given = client.create_run(experiment_id).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", platform.server.url)
    assert cli.main(["train", *(f"--{name}={value}" for name, value in settings(experiment).items())]) == 0
    assert f"run {run_id} of this configuration is at work on elsewhere" in capsys.readouterr().out
    ended = client.get_run(given)
    assert (ended.info.status, ended.data.tags["memest.state"]) == ("FINISHED", "busy")
    assert "at work on elsewhere" in ended.data.tags["mlflow.note.content"]


def claim_elsewhere(platform: Platform, experiment: str) -> str:
    """A run of the usual configuration, made by another machine that gave its last sign of life just now."""
    train.train(build(TrainConfig, settings(experiment, tracking="off")))
    (kept,) = home().glob("runs/*/local/entries.jsonl")
    key = json.loads(kept.read_text().partition("\n")[0])["values"]["mlflow.memest.key"]
    shutil.rmtree(kept.parent)
    tags = {"memest.stage": "train", "mlflow.memest.key": key, "memest.state": "running", HOST: "elsewhere"}
    experiment_id = platform.client.get_experiment_by_name(experiment).experiment_id
    made = platform.client.create_run(experiment_id, tags=tags | {HEARTBEAT: now()})
    platform.client.log_metric(made.info.run_id, "scoring_seconds", 0.5, step=1)
    return str(made.info.run_id)


def test_a_run_that_died_elsewhere_is_taken_up(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its heart beats it is left alone; then its work goes on in it, without a second point."""
    experiment = platform.experiment("proxied")
    run_id = claim_elsewhere(platform, experiment)
    with pytest.raises(BusyError, match=r"at work on elsewhere .*again in [123] s"):
        run(platform, experiment)
    platform.client.set_tag(run_id, HEARTBEAT, str(time.time() - 4))
    assert run(platform, experiment).run.id == run_id
    assert assert_whole(platform, experiment) == run_id
    assert platform.client.get_metric_history(run_id, "scoring_seconds")[0].value == 0.5


def test_a_damaged_copy_is_fetched_again(platform: Platform) -> None:
    """A flipped bit in the cache heals itself; one in the store is named, until the store is mended."""
    import boto3

    experiment = platform.experiment("direct")
    opened = run(platform, experiment)
    name = "sheet/block-000000-000005.safetensors"
    blobs = run_blobs(platform.client, opened.run.id, home() / "cache")
    whole = blobs.get(name)
    (copy,) = (home() / "cache").rglob(hashlib.sha256(whole).hexdigest())
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    copy.write_bytes(damaged)
    assert SheetReader.open(blobs).trace("loss")[1].shape == (EPOCHS + 1, 300)
    assert copy.read_bytes() == whole
    bucket = boto3.client("s3", endpoint_url=platform.store.url)
    root = platform.client.get_run(opened.run.id).info.artifact_uri.removeprefix("s3://")
    where = {"Bucket": root.partition("/")[0], "Key": f"{root.partition('/')[2]}/{name}"}
    bucket.put_object(**where, Body=damaged)
    copy.unlink()
    for _ in range(2):
        with pytest.raises(SheetError, match=rf"{name} is damaged"):
            SheetReader.open(blobs).trace("loss")
    bucket.put_object(**where, Body=whole)
    assert SheetReader.open(blobs).trace("loss")[1].shape == (EPOCHS + 1, 300)
