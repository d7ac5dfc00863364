"""What several stages do: choose a device, name a run, bring back the images a run was trained on.

Depends on everything below the stages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from memest.data import ImageSet, Split, Truth, draw_labels, label_name
from memest.detect import evaluate_table
from memest.errors import SettingError
from memest.grammar.config import digest
from memest.grammar.registry import Registry
from memest.scores import ScoreSet, score_list
from memest.store import Header, SheetReader
from memest.store.tables import FACTS, Columns
from memest.summaries import Trace, summarise_all
from memest.tracking import OFF
from memest.train import Team, checkpoint

T = TypeVar("T")
Others = dict[str, NDArray[np.int64]]
"""Labels (N,) by name, besides those that a network was trained on."""

Watch = Callable[[str, int, Mapping[str, float]], None]
"""What is told of every epoch of a run: its id, the epoch, its metrics."""

SCORING_BATCH = 256
"""Images scored at a time; halved where they do not fit into memory."""


def no_local_runs(tracking: str) -> None:
    """Refuse to query runs that were kept out of MLflow.

    Raises:
        SettingError: tracking is off.
    """
    if tracking == OFF:
        raise SettingError(
            "--tracking off: only train works without MLflow; its results lie under .memest/runs, and runs "
            "that are to be scored again or analysed must be tracked"
        )


def look(uri: str) -> str:
    """Where a server shows its runs, or what shows those of a database."""
    return uri if uri.startswith(("http://", "https://")) else f"mlflow ui --backend-store-uri {uri}"


def nobody(run: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """Watches no run."""


def choose_device(name: str) -> torch.device:
    """The device called `name`; `auto` is the GPU if there is one.

    Raises:
        SettingError: `cuda` was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("--device cuda: torch finds no GPU here; use --device auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Only operations that give the same bits every time on one device; the setting is put back."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def progress(steps: Iterable[T], total: int, what: str) -> Iterable[T]:
    """`steps`, with a bar on a terminal once they have taken two seconds."""
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(steps, total=total, desc=what, delay=2, disable=None, leave=False)
    return bar


def run_key(
    settings: dict[str, Any],
    split: Split,
    images: ImageSet,
    device: torch.device,
    others: Others,
    processes: int = 1,
) -> str:
    """The digest that two runs share exactly when they must give the same numbers, to the bit."""
    further = fingerprints(images, others) + ([{"processes": str(processes)}] if processes > 1 else [])
    return digest(settings, images.fingerprint, split.test.fingerprint, device.type, *further)


def scores_read(text: str) -> str:
    """A list of scores made canonical, with the names of the labels they are measured against.

    Raises:
        InputError: an unknown score, an unknown set of labels, or a setting that does not fit.
    """
    return score_list(text, label_name)


def other_labels(scores: ScoreSet, clean: ImageSet, stored: Columns | None = None) -> Others:
    """The labels that scores name besides those given, by name: read back where a sheet has them, else drawn.

    Args:
        scores: what will be measured.
        clean: the images before the corruption.
        stored: the truth table of the run that is measured, in the order of the clean images.

    Raises:
        InputError: no such labels, or they cannot be had for these images.
    """
    known = stored or {}
    return {name: known[name] if name in known else draw_labels(name, clean) for name in scores.labels}


def fingerprints(images: ImageSet, others: Others) -> list[dict[str, str]]:
    """What a run key says of further labels: their fingerprints by name; nothing where there are none."""
    return [{n: replace(images, labels=labels).fingerprint for n, labels in others.items()}] if others else []


def start(team: Team, config: Any, training: dict[str, Any] | None) -> None:
    """Tell the other processes of a team what to train, and the state to go on from."""
    if team.size > 1:
        team.tell((config, checkpoint.pack(training) if training else None))


def short(registry: Registry[Any], text: str) -> str:
    """A spec as people read it: without the keywords at their defaults."""
    return registry.parse(text).short()


def sheet_header(
    key: str, images: ImageSet, truth: Truth, config: dict[str, Any], source_run: str = ""
) -> Header:
    """What a sheet over these images and labels says of itself."""
    return Header(
        key=key,
        fingerprint=images.fingerprint,
        order=images.order,
        corruption=truth.spec,
        config=config,
        count=len(images),
        source_run=source_run,
        classes=images.classes,
    )


def summary_table(sheet: SheetReader, truth: Truth) -> Columns:
    """One row per example: id, labels, truth, and every summary the sheet can answer, float64.

    Args:
        sheet: being written.
        truth: of its examples, in their order.
    """
    keys = [*sheet.manifest.scores, *(f"scalar/{name}" for name in sheet.manifest.scalars)]
    stretches = [partial(_trace, sheet, examples) for examples in sheet.stretches()]
    summaries = summarise_all(keys, *stretches)
    facts = {name: truth.columns()[name] for name in FACTS}
    return facts | {name: np.asarray(values) for name, values in summaries.items()}


def evaluation_bytes(summary: Columns) -> bytes | None:
    """What is stored of how well a summary table finds what was changed; None where nothing was."""
    found = evaluate_table(summary)
    return None if found is None else found.to_json()


def _trace(sheet: SheetReader, examples: slice, key: str) -> Trace:
    return Trace(*sheet.trace(key, examples))
