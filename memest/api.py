"""Three commands as functions, for programs and notebooks.

    sheet = memest.train(data="digits", corruption="symmetric_noise(rate=0.05)", epochs=10)
    sheet.summary()["seen/csl"]

Settings are the options of the command, with underscores for hyphens, checked as on a command line. What was
done before is found and not repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memest.errors import optional_packages
from memest.grammar.config import build

if TYPE_CHECKING:
    from memest.store import SheetReader
    from memest.verdict import Verdict


@optional_packages()
def train(**settings: Any) -> SheetReader:
    """Train a network and measure every example after every epoch; the sheet of the sealed run.

    Args:
        **settings: those of `memest train`: `data`, `model`, `epochs`, `corruption`, `scores`, `tracking`, …

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    from memest.runs.config import TrainConfig
    from memest.stages.train import train as stage
    from memest.store import SheetReader

    return SheetReader.open(stage(build(TrainConfig, settings)).run.blobs)


@optional_packages()
def score(**settings: Any) -> SheetReader:
    """Measure further scores of a finished run from its kept networks; the sheet of the new run.

    Args:
        **settings: those of `memest score`: `run`, `scores`, `epochs`, …

    Raises:
        InputError: no such finished run, an epoch that was not kept, a dataset that has changed.
    """
    from memest.stages.config import ScoreConfig
    from memest.stages.score import score as stage
    from memest.store import SheetReader

    return SheetReader.open(stage(build(ScoreConfig, settings)).run.blobs)


@optional_packages()
def audit(**settings: Any) -> Verdict:
    """Find the wrong labels of an image set, write the report and the lists; what the command prints.

    Args:
        **settings: those of `memest audit`: `data`, `budget`, `into`, `sheet`, …

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    from memest.runs.audit_config import AuditConfig
    from memest.stages.audit import audit as stage

    return stage(build(AuditConfig, settings))
