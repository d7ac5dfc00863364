"""What every script of the kit shares: its arguments, and the file that it writes what it found to."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.rows import Row, table
from benchmarks.timing import machine
from memest.grammar.once import OnceParser


def arguments(about: str | None) -> OnceParser:
    """The flags that every script has: the device, the folder of what is found, the seconds it may take."""
    parser = OnceParser(about)
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--into", type=Path, default=Path("found"), help="folder of what is found")
    parser.add_argument("--seconds", type=float, default=540, help="begin nothing after so many")
    return parser


def keep(options: argparse.Namespace, name: str, rows: Sequence[Row], **details: Any) -> None:
    """Print rows and write them, with the machine, as `<into>/<name>.json`."""
    content = {
        "machine": machine(torch.device(options.device)),
        "rows": [asdict(row) for row in rows],
    } | details
    options.into.mkdir(parents=True, exist_ok=True)
    path = options.into / f"{name}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"{name}\n{table(rows)}\nwritten to {path}", flush=True)


class Deadline:
    """The moment after which nothing more is begun.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self._end
