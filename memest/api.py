"""Three commands as functions, for programs and notebooks.

    run = memest.train("digits", corruption="symmetric_noise(rate=0.05)", epochs=10)
    run.summary["seen/csl"]
    memest.score(run, scores="curvature")
    print(memest.audit("photos", budget="3m", into="out"))

Settings are the options of the command, with underscores for hyphens, checked as on a command line. What was
done before is found and not repeated. Write `from memest import train` above `import torch`, or set
`OMP_WAIT_POLICY=PASSIVE`: threads that wait for each other slow down a busy machine otherwise.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from memest.cli.commands import COMMANDS, imported
from memest.cli.variables import check_variables, quiet_threads, require_alone
from memest.errors import optional_packages
from memest.grammar.config import build

if TYPE_CHECKING:
    from memest.analysis.record import RunRecord
    from memest.tracking import Opened
    from memest.verdict import Verdict

quiet_threads()


def train(data: str | PathLike[str] | None = None, **settings: Any) -> RunRecord:
    """Train a network and measure every example after every epoch; the sealed run.

    Args:
        data: a data set, or the path of a file or folder.
        **settings: further ones of `memest train`: `model`, `epochs`, `corruption`, `scores`, `tracking`, …

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    return _record(_carried_out("train", settings | {"data": data}))


def score(run: str | RunRecord, **settings: Any) -> RunRecord:
    """Measure further scores of a finished run from its kept networks; the new run.

    Args:
        run: itself, or its id in MLflow.
        **settings: further ones of `memest score`: `scores`, `epochs`, `tracking`, …

    Raises:
        InputError: no such finished run, an epoch that was not kept, a dataset that has changed.
    """
    return _record(_carried_out("score", settings | {"run": run}))


def audit(data: str | PathLike[str] | None = None, **settings: Any) -> Verdict:
    """Find the wrong labels of an image set, write the report and the lists; what the command prints.

    Args:
        data: a data set, or the path of a file or folder.
        **settings: further ones of `memest audit`: `budget`, `into`, `sheet`, …

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    verdict: Verdict = _carried_out("audit", settings | {"data": data})
    return verdict


@optional_packages()
def _carried_out(name: str, settings: dict[str, Any]) -> Any:
    """What the stage of a command gives, after the checks of the command line."""
    check_variables()
    require_alone(f"{name} in a program")
    command = COMMANDS[name]
    given = {key: _plain(value) for key, value in settings.items() if value is not None}
    return imported(command.stage)(build(command.kind, given))


def _plain(value: Any) -> Any:
    """A setting as a command line has it: a path or run as text, a list as items between commas."""
    from memest.analysis.record import RunRecord

    if isinstance(value, RunRecord):
        return value.id
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value.item() if hasattr(value, "item") else value


def _record(opened: Opened) -> RunRecord:
    """A run as `find_runs` gives it, but for its metrics, which are on the server."""
    from memest.analysis.record import RunRecord

    about, run = opened.about, opened.run
    return RunRecord(run.id, about.name, dict(about.tags), {}, run.blobs)
