"""Files are read the same in every locale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("content", "expected"), [("", {}), ("\ufeff# nothing\n", {}), ("ä: é", {"ä": "é"})])
def test_files_are_utf_8_in_every_locale(content: str, expected: dict[str, str]) -> None:
    """Also with a byte order mark, and where Python's default is ASCII."""
    Path("grid.yaml").write_bytes(content.encode())
    code = "from memest.grammar.strict_yaml import *; print(ascii(read_yaml(Path('grid.yaml'), 'file')))"
    plain = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ascii(expected)
