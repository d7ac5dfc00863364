"""Servers that are away, silent or refuse while a run works: nothing is lost, or it is said."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from delivered import assert_whole, at, run, settings, the_run

from memest import cli
from memest.errors import (
    MemestError,
    UndeliveredError,
)
from memest.tracking import deliver, home
from memest.tracking.delivery import briefly
from memest.tracking.heartbeat import HEARTBEAT

if TYPE_CHECKING:
    from conftest import Platform


pytestmark = pytest.mark.mlflow


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
    if end == "server":  # which is told past the journal that the run ended, and does not listen
        monkeypatch.setattr("memest.tracking.mlflow_run.briefly", partial(briefly, seconds=1))
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
