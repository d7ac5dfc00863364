"""The number of threads is in the run, and decides its bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WORDS = "train --data=digits --limit=100 --epochs=1 --scores=correct --device=cpu --tracking=offline"


@pytest.mark.parametrize(("more", "threads"), [({}, "1"), ({"OMP_NUM_THREADS": "2"}, "2")])
def test_the_threads_of_a_run_are_its_tag(more: dict[str, str], threads: str) -> None:
    """One for a small network however many cores there are; another number where it is asked for."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    subprocess.run([sys.executable, "-m", "memest", *WORDS.split()], env=environment | more, check=True)
    (journal,) = Path(".memest").rglob("entries.jsonl")
    said = [json.loads(line) for line in journal.read_text().splitlines()]
    tags = [entry["values"] for entry in said if entry["kind"] == "tags"]
    assert {values["memest.threads"] for values in tags if "memest.threads" in values} == {threads}
