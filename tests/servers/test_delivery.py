"""Journal and delivery: a real tracking server and a real S3 store that go away and come back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from forked import Forked

from memest import cli
from memest.errors import (
    BusyError,
    ChangeRefusedError,
    JournalError,
    MemestError,
    SettingError,
    SheetError,
    UndeliveredError,
    masked,
)
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages import train
from memest.store import SheetReader
from memest.store.artifacts import ArtifactBlobs, run_blobs
from memest.tracking import deliver, home
from memest.tracking.heartbeat import HEARTBEAT, HOST, now
from memest.tracking.journal import Head, Journal
from memest.tracking.limits import Limits
from memest.tracking.send import Trouble, batches

if TYPE_CHECKING:
    from conftest import Platform

pytestmark = pytest.mark.mlflow
PROJECT = Path(__file__).parents[2]
HEAD = Head("a1b2c3", "http://127.0.0.1:5000", "here")
EPOCHS = 5


def journal(folder: Path, **limits: float) -> Journal:
    """The journal in a folder, as a new process opens it."""
    return Journal(folder, HEAD, Limits(**limits))


def entries(folder: Path) -> list[dict[str, Any]]:
    """The lines of a journal."""
    return [json.loads(line) for line in (folder / "entries.jsonl").read_text().splitlines()]


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    """Wherever a crash cut the last line, the lines before it stay, and writing goes on after them."""
    written = journal(tmp_path)
    written.add_metrics(0, {"loss": 2.5})
    written.add_metrics(1, {"loss": 0.1})
    path = tmp_path / "entries.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        again = journal(tmp_path)
        again.add_metrics(2, {"loss": 0.5})
        again.close()
        assert [entry["step"] for entry in entries(tmp_path)] == [0, 2]


def test_a_damaged_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    """What was said before and after it cannot be trusted to be all."""
    written = journal(tmp_path)
    for step in range(3):
        written.add_metrics(step, {"loss": 1.0})
    path = tmp_path / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"step": 1', b'"step": :'))
    with pytest.raises(JournalError, match="damaged at byte"):
        journal(tmp_path)


def test_the_first_value_of_an_epoch_stays(tmp_path: Path) -> None:
    """An epoch that is run again after a crash adds no second point, in this process or the next."""
    first = journal(tmp_path)
    first.mark_known({"old": [0, 1]})
    first.add_metrics(1, {"loss": 0.5, "speed": 10, "old": 3})
    first.add_metrics(1, {"loss": 0.5, "speed": 11})
    journal(tmp_path).add_metrics(1, {"loss": 0.5, "speed": 12, "new": 1, "old": 4})
    said = [entry["values"] for entry in entries(tmp_path) if entry["kind"] == "metrics"]
    assert said == [{"loss": 0.5, "speed": 10.0}, {"new": 1.0}]


def test_blobs_wait_beside_the_journal(tmp_path: Path) -> None:
    """The same bytes may come again, other bytes are refused; a file of which no line speaks is no blob."""
    first = journal(tmp_path)
    first.files.put("sheet/a", b"left by a process that died before its line was written")
    first.blob("sheet/a", b"one")
    first.blob("sheet/a", b"one")
    again = journal(tmp_path)
    assert again.files.get("sheet/a") == b"one"
    with pytest.raises(ChangeRefusedError, match="sheet/a of run a1b2c3 was written before with other bytes"):
        again.blob("sheet/a", b"two")
    again.blob("tables/cost.json", b"3.1 seconds")
    again.blob("tables/cost.json", b"3.2 seconds")
    assert again.files.get("tables/cost.json") == b"3.1 seconds"
    assert len(entries(tmp_path)) == 2


def test_what_waits_has_a_limit(tmp_path: Path) -> None:
    """The run is ended before the disk is full; what was delivered does not count."""
    small = journal(tmp_path / "a", journal_gb=3e-6)
    small.blob("sheet/a", bytes(2000))
    with pytest.raises(JournalError, match=r"wait for delivery in .*a, more than 3e-06: .*MEMEST_JOURNAL_GB"):
        small.blob("sheet/b", bytes(2000))
    small.append("tags", values={"memest.error": "what happened can always be said"})
    *_, (_, end) = small.after(0)
    small.delivered(end)
    small.blob("sheet/b", bytes(2000))
    with pytest.raises(JournalError, match=r"are free .*MEMEST_SPARE_GB"):
        journal(tmp_path / "b", spare_gb=1e9).add_metrics(0, {"loss": 1})


def test_delivery_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """The position outlives the process; one that lies outside the journal means the beginning."""
    first = journal(tmp_path)
    for step in range(3):
        first.add_metrics(step, {"loss": 1.0})
    (_, end), *_ = first.after(0)
    first.delivered(end)
    assert journal(tmp_path).left[0] == 2
    assert [entry["step"] for entry, _ in journal(tmp_path).after(journal(tmp_path).position)] == [1, 2]
    for lost in ("999999", "", "x", "-5"):
        (tmp_path / "position").write_text(lost)
        assert journal(tmp_path).left[0] == 3


def test_entries_are_sent_in_as_few_calls_as_mlflow_takes() -> None:
    """Values are gathered up to what one call takes; blobs go alone; the order stays."""
    values = {f"m{n}": 1.0 for n in range(100)}
    metrics = [{"kind": "metrics", "values": values, "step": step, "time": 1} for step in range(20)]
    blob = {"kind": "blob", "name": "sheet/a"}
    groups = list(batches([(entry, n) for n, entry in enumerate([*metrics, blob, *metrics[:2]])]))
    assert [len(group) for group, _ in groups] == [8, 8, 4, 1, 2]
    assert [end for _, end in groups] == [7, 15, 19, 20, 22]


def test_limits_come_from_the_environment() -> None:
    """What is not set has its default; what is no number is refused by its name."""
    assert Limits.read({"MEMEST_DEADLINE": "2.5"}) == Limits(deadline=2.5)
    for bad in ("", "soon", "-1", "nan", "inf"):
        with pytest.raises(SettingError, match=r"MEMEST_DEADLINE is a number of at least 0, such as 120"):
            Limits.read({"MEMEST_DEADLINE": bad})
    with pytest.raises(SettingError, match=r"MEMEST_HEARTBEAT is a number above 0"):
        Limits.read({"MEMEST_HEARTBEAT": "0"})


def test_credentials_are_never_shown() -> None:
    """Errors of our own, whatever they quote, and the text of others."""
    text = "mail a@b.c: cannot reach http://user:pa:ss@host:5000/api, nor postgresql://me:x@db/mlflow"
    clean = "mail a@b.c: cannot reach http://…@host:5000/api, nor postgresql://…@db/mlflow"
    assert masked(text) == str(MemestError(text)) == str(UndeliveredError(text)) == clean
    assert Trouble.of(OSError(text)).text == f"OSError: {clean}"


def settings(experiment: str, **more: Any) -> dict[str, Any]:
    """Settings of a short run in an experiment."""
    short = {"corruption": "symmetric_noise(rate=0.05)", "epochs": EPOCHS, "limit": 300}
    return short | {"experiment": experiment} | more


def run(platform: Platform, experiment: str, **more: Any) -> Any:
    """Train through the server's link."""
    return train.train(build(TrainConfig, settings(experiment, tracking=platform.server.url, **more)))


def the_run(platform: Platform, experiment: str) -> Any:
    """The only run of an experiment."""
    found = platform.client.get_experiment_by_name(experiment)
    (only,) = platform.client.search_runs([found.experiment_id])
    return only


def assert_whole(platform: Platform, experiment: str) -> str:
    """The run is sealed, its sheet reads from the store itself, every epoch has one point; its id."""
    client, found = platform.client, the_run(platform, experiment)
    run_id = found.info.run_id
    assert (found.info.status, found.data.tags["memest.state"]) == ("FINISHED", "sealed")
    for name, first in (("weight_norm", 0), ("train/loss", 1), ("scoring_seconds", 0)):
        points = client.get_metric_history(run_id, name)
        assert sorted(point.step for point in points) == list(range(first, EPOCHS + 1))
    sheet = SheetReader.open(ArtifactBlobs(client, run_id))
    assert sheet.trace("loss")[0].tolist() == list(range(EPOCHS + 1))
    assert len(sheet.summary()["csl"]) == 300
    assert not list(home().rglob("entries.jsonl"))
    return run_id


def at(monkeypatch: pytest.MonkeyPatch, actions: dict[int, Callable[[], object]]) -> None:
    """Do something when an epoch is about to be measured."""
    measure, epoch = Scorer.measure, iter(range(1000))

    def acting(*arguments: Any) -> Any:
        actions.get(next(epoch), lambda: None)()
        return measure(*arguments)

    monkeypatch.setattr(Scorer, "measure", acting)


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


@pytest.mark.parametrize(("end", "away"), [("server", "down"), ("store", "silent")])
def test_an_outage_in_mid_run_loses_nothing(
    end: str, away: str, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training goes on while server or store are away, and all is delivered when they are back.

    It is training itself that brings them back, two epochs later: had it waited for them, it would not come
    to that.
    """
    experiment = platform.experiment("proxied" if end == "server" else "direct")
    link = getattr(platform, end)

    def back() -> None:
        time.sleep(1)  # so that delivery has met the outage
        link.up()

    at(monkeypatch, {2: getattr(link, away), 4: back})
    run(platform, experiment, checkpoints="all")
    assert_whole(platform, experiment)


@pytest.mark.parametrize(("end", "away"), [("server", "silent"), ("store", "down")])
def test_what_never_arrives_is_said_and_can_be_delivered(
    end: str,
    away: str,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After the deadline: exit code 1, and the one command that finishes the job later."""
    monkeypatch.setenv("MEMEST_DEADLINE", "1.5")
    experiment = platform.experiment("proxied" if end == "server" else "direct")
    link = getattr(platform, end)
    at(monkeypatch, {2: getattr(link, away)})
    flags = settings(experiment, tracking=platform.server.url)
    arguments = ["train", *(f"--{name}={value}" for name, value in flags.items())]
    began = time.monotonic()
    assert cli.main(arguments) == 1
    assert time.monotonic() - began < 60  # the deadline is 120 where none is set
    said = capsys.readouterr().err
    command = said.rpartition("deliver them with: memest ")[2].split()
    assert command[:2] == ["deliver", "--folder"]
    link.up()
    if end == "store":
        assert the_run(platform, experiment).data.tags["memest.state"] == "undelivered"
    assert the_run(platform, experiment).info.status == ("FAILED" if end == "store" else "RUNNING")
    monkeypatch.setenv("MEMEST_DEADLINE", "60")
    assert cli.main(command) == 0
    assert "entries" in capsys.readouterr().out
    assert_whole(platform, experiment)


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


def test_a_refusal_is_not_waited_for(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that somebody deletes takes nothing more: it ends with the server's words, and soon."""
    experiment = platform.experiment("proxied")

    def delete() -> None:
        platform.client.delete_run(the_run(platform, experiment).info.run_id)

    at(monkeypatch, {2: delete})
    began = time.monotonic()
    with pytest.raises(UndeliveredError, match=r"sending was refused .*must be in the 'active' state"):
        run(platform, experiment)
    assert time.monotonic() - began < 60  # a server that is silent is waited for longer
    with pytest.raises(UndeliveredError, match="refused"):
        deliver()
    assert not run(platform, experiment).done
    (journal_left,) = home().rglob("head.json")
    assert the_run(platform, experiment).info.run_id != journal_left.parent.name


def test_a_wrong_secret_is_a_refusal(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's words come through, the secret does not, and delivery works with the right one."""
    experiment = platform.experiment("direct")
    with monkeypatch.context() as wrong:
        wrong.setenv("AWS_SECRET_ACCESS_KEY", "not-that-secret")
        _forget_s3_clients()
        with pytest.raises(
            UndeliveredError, match=r"refused .*signature we calculated does not match"
        ) as error:
            run(platform, experiment)
    assert "not-that-secret" not in str(error.value)
    _forget_s3_clients()
    assert "delivered" in deliver()
    assert_whole(platform, experiment)


def _forget_s3_clients() -> None:
    """MLflow keeps its S3 clients for five minutes; boto3 keeps the credentials it found."""
    from mlflow.store.artifact import s3_artifact_repo

    from memest.store.s3 import limit_waiting

    s3_artifact_repo._cached_get_s3_client.cache_clear()
    limit_waiting.cache_clear()


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


def test_a_run_that_fails_says_so_past_a_store_that_is_away(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happened stands on the server although blobs before it wait; run again, all of it is delivered."""
    monkeypatch.setenv("MEMEST_GRACE", "0.5")
    experiment = platform.experiment("direct")

    def fail() -> None:
        platform.store.down()
        raise MemestError("out of luck")

    with monkeypatch.context() as once:
        at(once, {3: fail})
        with pytest.raises(MemestError, match="out of luck"):
            run(platform, experiment, checkpoints="all")
    failed = the_run(platform, experiment)
    assert (failed.info.status, failed.data.tags["memest.error"]) == ("FAILED", "out of luck")
    platform.store.up()
    assert run(platform, experiment, checkpoints="all").run.id == failed.info.run_id
    assert_whole(platform, experiment)


def test_a_heart_beats_while_delivery_waits(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the store silent the run still says that it is alive."""
    monkeypatch.setenv("MEMEST_HEARTBEAT", "0.2")
    experiment = platform.experiment("direct")
    beats = []

    def look() -> None:
        platform.store.silent()
        for _ in range(2):
            time.sleep(1.1)
            beats.append(float(the_run(platform, experiment).data.tags[HEARTBEAT]))
        platform.store.up()

    at(monkeypatch, {1: look})
    run(platform, experiment)
    assert beats[1] > beats[0]


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


class _Listing:
    """A store that lists these names for any run; a real one cannot be made to."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def list_artifacts(self, path: str | None) -> list[Any]:
        from mlflow.entities import FileInfo

        return [FileInfo(name, False, 1) for name in self._names]


@pytest.mark.parametrize("name", ["../a", "sheet/../../a", "/etc/passwd", "sheet/..", "other/a", "sheet/a/b"])
def test_a_server_cannot_name_what_lies_elsewhere(name: str) -> None:
    """A listing that climbs out of its folder is refused; a file that somebody added is left out."""
    nobody: Any = None
    blobs = ArtifactBlobs(nobody, "run", uri="file:///x")
    vars(blobs)["_artifacts"] = _Listing("sheet/a", name)
    with pytest.raises(SheetError, match="refused"):
        blobs.names("sheet")
    vars(blobs)["_artifacts"] = _Listing("sheet/a", "sheet/my notes.txt")
    assert blobs.names("sheet") == ["sheet/a"]


def test_an_upload_that_was_cut_short_is_made_again(store_uri: str, tmp_path: Path) -> None:
    """A store of plain files can be left with the beginning of a blob; other bytes are still refused."""
    from mlflow import MlflowClient

    client = MlflowClient(store_uri)
    experiment = client.create_experiment(tmp_path.name, (tmp_path / "store").as_uri())
    blobs = ArtifactBlobs(client, client.create_run(experiment).info.run_id)
    file = tmp_path / "block.bin"
    file.write_bytes(b"all of it")
    blobs.send("sheet/block.bin", file, there=False)
    (kept,) = (tmp_path / "store").rglob("block.bin")
    for torn in (b"", b"all", b"all of it"):
        kept.write_bytes(torn)
        blobs.send("sheet/block.bin", file, there=True)
        assert kept.read_bytes() == b"all of it"
    kept.write_bytes(b"all of that")
    with pytest.raises(ChangeRefusedError):
        blobs.send("sheet/block.bin", file, there=True)


def test_nothing_to_deliver_is_said(tmp_path: Path) -> None:
    """An empty home is fine; a folder that was named and holds no journal is not."""
    assert "nothing waits" in deliver()
    with pytest.raises(SettingError, match="no journal of a run in"):
        deliver(tmp_path)
