"""A workspace of Databricks whose host takes no connection is refused at once."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from memest import cli


@pytest.mark.parametrize("configured", ["a variable", "a profile"])
def test_an_unreachable_workspace_is_refused(
    configured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line that names the host; wherever that stands."""
    monkeypatch.chdir(tmp_path)
    for name in ("HTTPS_PROXY", "https_proxy", "DATABRICKS_HOST", "DATABRICKS_RUNTIME_VERSION"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        (tmp_path / "cfg").write_text(f"[mine]\nhost = https://{host}\ntoken = x\n")
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "cfg"))
        uri = "databricks://mine"
        if configured == "a variable":
            uri = "databricks"
            monkeypatch.setenv("DATABRICKS_HOST", host)
            monkeypatch.setenv("DATABRICKS_TOKEN", "x")
        began = time.monotonic()
        assert cli.main(["analyze", "--tracking", uri]) == 2
    assert time.monotonic() - began < 60
    error = capsys.readouterr().err
    assert error.startswith(f"memest: no workspace answers at 127.0.0.1, which {uri} means")
    assert error.count("\n") == 1
