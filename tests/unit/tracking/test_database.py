"""Databases and tracking URIs that can keep no run: refused at once, in one line, with nothing written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from memest import cli
from memest.errors import InputError
from memest.tracking import check_database, check_tracking, connect

MISSPELLED = {
    "sqlite://x.db": "write sqlite:///x.db",
    "sqlite://runs/x.db": "write sqlite:///runs/x.db",
    "sqlite:/x.db": "write sqlite:///x.db",
    "sqlite:x.db": "write sqlite:///x.db",
    "sqlite3:///x.db": "write sqlite:///x.db",
    "SQLITE:///x.db": "write sqlite:///x.db",
    "sqlite": "write sqlite:///name.db",
    "sqlite://": "in-memory",
    "sqlite:///": "in-memory",
    "sqlite:///:memory:": "in-memory",
    "sqlite:///file:x.db?mode=memory&uri=true": "in-memory",
    "sqlite:///file:x.db?uri=true": "named by its path",
    "postgresql://host:abc/db": "postgresql://host:5432/name",
}
UNUSABLE = {
    "sqlite:///afolder": "afolder/mlflow.db",
    "sqlite:///nowhere/x.db": "there is no folder",
    "sqlite:///text/x.db": "there is no folder",
    "sqlite:///text": "something else than a SQLite database",
    "sqlite:///page.html": "something else than a SQLite database",
    "sqlite:///cut.db": "is damaged",
    "sqlite:///other.db": "belongs to something else",
    "sqlite:////proc/x.db": "must be writable",
    f"sqlite:///{'x' * 300}.db": "must be writable",
    "sqlite:////dev/null": "is no file",
    "postgresql://ada:hunter2@127.0.0.1:1/db": "see that its server runs",
    "mysql+nosuch://127.0.0.1:1/db": "its driver is installed",
}
NO_TRACKING = {
    "": "is not a tracking URI",
    "mlruns": "is not a tracking URI",
    "./mlruns": "is not a tracking URI",
    "file:///tmp/mlruns": "is not a tracking URI",
    "localhost:5000": "is not a tracking URI",
    "127.0.0.1:5000": "is not a tracking URI",
    "postgres://host/db": "postgresql://host:5432/name",
    "http://": "looks like http://127.0.0.1:5000",
    "http://[": "looks like http://127.0.0.1:5000",
    "http:/127.0.0.1:5000": "looks like http://127.0.0.1:5000",
    "http://127.0.0.1:abc": "looks like http://127.0.0.1:5000",
    "http://127.0.0.1:99999": "looks like http://127.0.0.1:5000",
    "http://ada:hun ter2@127.0.0.1:5000": "looks like http://127.0.0.1:5000",
}


@pytest.fixture(autouse=True)
def places() -> dict[Path, bytes]:
    """Folders and files that are no database of runs; what they hold."""
    Path("afolder").mkdir()
    Path("text").write_text("hello")
    Path("page.html").write_text("<!doctype html><html>not found</html>")
    Path("cut.db").write_bytes(b"SQLite format 3\0 and no more")
    with sqlite3.connect("other.db") as database:
        database.execute("CREATE TABLE recipes (name TEXT)")
    database.close()
    return held()


def held() -> dict[Path, bytes]:
    """Every file under the working directory, by path."""
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(("uri", "way"), [*MISSPELLED.items(), *UNUSABLE.items()])
def test_a_database_that_can_keep_nothing_is_refused(uri: str, way: str, places: dict[Path, bytes]) -> None:
    """One line that names the flag and the way out; no file is made, changed or left behind."""
    with pytest.raises(InputError) as caught:
        check_database(uri, "--storage", "experiments")
    said = str(caught.value)
    assert said.startswith("--storage: ")
    assert way in said
    assert "\n" not in said
    assert "hunter2" not in said
    assert held() == places


@pytest.mark.parametrize(("uri", "way"), [*MISSPELLED.items(), *UNUSABLE.items(), *NO_TRACKING.items()])
def test_a_client_of_such_a_place_is_refused_as_fast(uri: str, way: str, places: dict[Path, bytes]) -> None:
    """MLflow, which would try for minutes, is not asked."""
    if uri.startswith("mysql"):
        way = "cannot be used"
    with pytest.raises(InputError, match=r"^--tracking: ") as caught:
        connect(uri)
    assert way in str(caught.value)
    assert held() == places


def test_the_place_of_a_wrong_uri_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it came from the flag, the environment, or from nothing being set."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite://x.db")
    with pytest.raises(InputError, match=r"^MLFLOW_TRACKING_URI: "):
        check_tracking("auto")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir("/proc")
    with pytest.raises(InputError, match=r"^MLFLOW_TRACKING_URI is not set: the database /proc/mlflow.db"):
        check_tracking("auto")


def test_training_is_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """The place of the runs is looked at first: a dataset that is missing as well is not spoken of."""
    assert cli.main(["train", "--tracking", "sqlite:///text", "--data", "npz(path=no.npz)"]) == 2
    said = capsys.readouterr().err
    assert "something else than a SQLite database" in said
    assert said.count("\n") == 1


def test_databases_that_can_keep_runs_pass() -> None:
    """A file that is not there yet, an empty one, and one that has the table that was asked for."""
    Path("empty.db").touch()
    for uri in (
        "sqlite:///empty.db",
        "sqlite:///new.db",
        "sqlite+pysqlite:///new.db",
        "sqlite:///new.db?timeout=9",
    ):
        check_database(uri, "--storage", "experiments")
    check_database("sqlite:///other.db", "--storage", "recipes")
    check_database("sqlite:///other.db", "--storage")
    assert not Path("new.db").exists()


def test_a_database_that_is_locked_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may be writing: that is no reason to call it damaged."""
    monkeypatch.setattr("memest.tracking.database._PATIENCE", 0.1)
    with sqlite3.connect("other.db") as database:
        database.execute("BEGIN EXCLUSIVE")
        with sqlite3.connect("other.db", timeout=0) as second, pytest.raises(sqlite3.Error, match="locked"):
            second.execute("SELECT * FROM sqlite_master").fetchall()
        second.close()
        check_database("sqlite:///other.db", "--storage", "recipes")
    database.close()
