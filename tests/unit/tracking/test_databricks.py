"""A tracking URI of Databricks without a workspace is refused in one line, before MLflow says anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from memest import cli
from memest.errors import InputError
from memest.tracking.databricks import check_databricks

CONFIGURED = "[DEFAULT]\nhost = https://a.example\n[other]\nhost = https://b.example\n[empty]\ntoken = x\n"


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_CONFIG_PROFILE", "DATABRICKS_RUNTIME_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none.cfg"))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("databricks", "needs a workspace, and there is neither DATABRICKS_HOST nor"),
        ("databricks://mine", "no profile 'mine' in"),
        ("databricks-uc", "write databricks, or databricks://profile"),
        ("databricks-uc://mine", "write databricks, or databricks://profile"),
        ("databrick://mine", "is not a tracking URI"),
        ("databricksx", "write databricks, or databricks://profile"),
    ],
)
def test_without_a_workspace_it_is_one_line(
    uri: str, words: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Exit code 2; no warning of MLflow's before it, and nothing trained."""
    for command in ("train --limit 60 --epochs 1", "analyze", "ui"):
        assert cli.main([*command.split(), "--tracking", uri]) == 2
        out, error = capfd.readouterr()
        assert words in error and error.count("\n") == 1 and out == ""
    assert not caplog.messages
    assert list(Path.cwd().iterdir()) == []


def test_what_is_configured_is_left_to_mlflow(tmp_path: Path) -> None:
    """By variables, by the file's first profile, by one that is named; one without a host is none."""
    file = tmp_path / "databrickscfg"
    file.write_text(CONFIGURED)
    here = {"DATABRICKS_CONFIG_FILE": str(file)}
    check_databricks("databricks", "--tracking", {"DATABRICKS_HOST": "https://a.example"})
    for uri in ("databricks", "databricks://other", "databricks://other:scope"):
        check_databricks(uri, "--tracking", here)
    check_databricks("databricks://scope:prefix", "--tracking", {})
    for uri in ("databricks", "databricks://unheard", "databricks://scope:prefix"):
        check_databricks(uri, "--tracking", {"DATABRICKS_RUNTIME_VERSION": "16.4"})
    with pytest.raises(InputError, match="no profile 'unheard'"):
        check_databricks("databricks://unheard", "--tracking", here)
    file.write_text(CONFIGURED.replace("host = https://a.example\n", ""))
    for uri in ("databricks", "databricks://empty"):
        with pytest.raises(InputError, match="needs a workspace"):
            check_databricks(uri, "--tracking", here)
