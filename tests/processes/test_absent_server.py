"""A tracking server that is not there, for somebody who has set nothing about waiting."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from memest import cli

LIMIT = 45
"""Seconds. Three goes and the pauses between them take five; MLflow's own settings, four minutes."""


@pytest.mark.mlflow
@pytest.mark.usefixtures("no_settings_inherited")
def test_a_server_that_is_not_there_is_given_up_soon(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the default settings: asked again, and then one line with the way out; nothing is written."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    began = time.monotonic()
    assert cli.main(["train", "--limit", "60", "--tracking", "http://127.0.0.1:9"]) == 2
    took = time.monotonic() - began
    assert 1 < took < LIMIT, f"{took:.0f} s"
    assert "no MLflow server answers at http://127.0.0.1:9" in capsys.readouterr().err
    assert not [*Path.cwd().iterdir()]
