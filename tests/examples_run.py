"""What tests of examples share: where they lie, and what each of them must find."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def require_found(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run an example here: at least five of six that it lists first are labels that it changed."""
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    said = capsys.readouterr().out
    found, listed = map(int, re.findall(r"(\d+) of the (\d+) first", said)[0])
    assert found >= listed * 5 / 6, said
