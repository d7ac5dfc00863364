"""The page of troubles: what it quotes is what memest says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
OF_OTHERS = {"memest: command not found", "mlflow run .", ","}
"""Quoted in bold, and said by a shell, or typed."""


def test_every_message_that_is_quoted_is_in_the_source() -> None:
    """Messages in bold and code stand in the package as they are quoted."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    bold = re.findall(r"\*\*(.+?)\*\*", page)
    quoted = {text for line in bold for text in re.findall(r"`([^`]+)`", line) if len(text) > 1}
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "memest").rglob("*.py"))
    said = source.replace("unknown {noun}", "unknown dataset unknown score")
    assert len(quoted) > 10
    assert [text for text in sorted(quoted - OF_OTHERS) if text not in said] == []
