"""What tests of examples share: where they lie, and what each of them must find."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


ENOUGH = 5 / 6
"""Of the labels that an example lists first, how many it must have changed, at least."""


def changed_share(name: str, capsys: pytest.CaptureFixture[str]) -> float:
    """Run an example here: the share of the labels that it lists first which it changed."""
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    said = capsys.readouterr().out
    found, listed = map(int, re.findall(r"(\d+) of the (\d+) first", said)[0])
    return found / listed
