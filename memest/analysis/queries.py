"""Which runs: finished runs of an experiment, filtered by their tags.

MLflow's filters know only AND over quoted strings, so the axes of an experiment are tags
(`memest.model`, `memest.seed`, …), written as people write specs: `model=resnet18(width=16)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memest.analysis.groups import without_repeats
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError, SettingError, UnknownNameError, optional_packages
from memest.grammar.spec import split_list
from memest.store import Blobs
from memest.store.artifacts import run_blobs
from memest.tracking import AXES, SEALED, connect, experiment_name, facts, home, kept_runs, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000


def parse_where(text: str, spell: Callable[[str, str], str] = lambda axis, value: value) -> dict[str, str]:
    """`model=tiny, seed=1` as a mapping from axis to value.

    Args:
        spell: gives the value of an axis as runs are tagged with it.

    Raises:
        InputError: not `axis=value`, no such axis, or one named twice.
    """
    pairs = {}
    for part in split_list(text):
        axis, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise SettingError(f"--where takes axis=value, …, not {part!r}")
        if axis not in AXES:
            raise UnknownNameError("axis", axis, AXES)
        if axis in pairs:
            raise SettingError(f"--where names {axis} twice; a run has one value of each axis")
        pairs[axis] = spell(axis, value)
    return pairs


@optional_packages()
def find_runs(
    experiment: str = "auto", *, tracking: str = "auto", cache: str | Path | None = None, **where: object
) -> RunSet:
    """The finished training runs of an experiment, oldest first.

        runs = find_runs("demo", model="tiny")
        runs.to_pandas()        # one row per run
        runs.summary()          # one row per run and example

    Args:
        experiment: its name; `auto`: the one that MLflow's environment variables name, else `memest`.
        tracking: MLflow tracking URI; `auto`: `MLFLOW_TRACKING_URI`, else the SQLite store of this folder.
        cache: a folder for what is downloaded; None: that of memest.
        **where: axes and the value of each, written as the tags of runs are: `seed=1`,
            `model="resnet18(width=16)"`.

    Raises:
        NoRunsError: none match; the message says which condition removed the last ones.
        UnknownNameError: no such axis.
        InputError: there is no such server or experiment.
    """
    for axis in where:
        if axis not in AXES:
            raise UnknownNameError("axis", axis, AXES)
    uri = tracking_uri() if tracking == "auto" else tracking
    client = connect(uri, existing=True)
    wanted = {axis: str(value) for axis, value in where.items()}
    return query_runs(client, experiment_name(experiment, uri), wanted, Path(cache or home() / "cache"))


def query_runs(client: MlflowClient, experiment: str, where: Mapping[str, str], cache: Path) -> RunSet:
    """The finished training runs of an experiment that match every condition, oldest first.

    Parts of a protocol are left out: the run that joins them stands for them. Runs that `score` made are
    joined to the runs they measured.

    Raises:
        NoRunsError: none match; the message says which condition removed the last ones.
        ArtifactsGoneError: the artifacts of one are gone, and it was not made anew.
    """
    found = client.get_experiment_by_name(experiment)
    if found is None:
        known = [e.name for e in client.search_experiments(max_results=50)]
        raise NoRunsError(f"there is no experiment {experiment!r} on this server (it has {', '.join(known)})")
    wanted = {"state": SEALED, "stage": "train"} | dict(where)
    runs = [run for run in _search(client, [found.experiment_id], wanted) if not _is_part(run)]
    if not runs:
        raise NoRunsError(_explain(client, found.experiment_id, experiment, where))
    runs = kept_runs(client, runs)
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    ids = {run.info.run_id for run in runs}
    scored = _search(client, everywhere, {"state": SEALED, "stage": "score"})
    scored = kept_runs(client, [run for run in scored if facts(run.data.tags).get("source_run") in ids])
    return RunSet(without_repeats(_record(client, run, scored, cache) for run in runs))


def _is_part(run: Any) -> bool:
    """Whether it is one part of a protocol: what all parts found together is a run of its own."""
    return "part" in facts(run.data.tags)


def _quoted(value: str) -> str:
    """A value in an MLflow filter: in double quotes where it holds single ones, as paths in specs do."""
    return f'"{value}"' if "'" in value else f"'{value}'"


def _search(client: MlflowClient, experiments: list[str], wanted: Mapping[str, str]) -> list[Any]:
    query = " and ".join(f"tags.`memest.{axis}` = {_quoted(value)}" for axis, value in wanted.items())
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs(
            experiments, query, max_results=_PAGE, order_by=["attributes.start_time"], page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs


def _record(client: MlflowClient, run: Any, scored: list[Any], cache: Path) -> RunRecord:
    """A training run, with what `score` measured of it."""
    run_id = run.info.run_id
    measured = [other for other in scored if facts(other.data.tags).get("source_run") == run_id]
    further = {other.info.run_id: _blobs(client, other, cache) for other in measured}
    tags = facts(run.data.tags)
    metrics = dict(run.data.metrics)
    return RunRecord(run_id, run.info.run_name, tags, metrics, _blobs(client, run, cache), further)


def _blobs(client: MlflowClient, run: Any, cache: Path) -> Blobs:
    """The artifacts of a run that was listed: where they lie is known."""
    return run_blobs(client, run.info.run_id, cache, uri=run.info.artifact_uri)


def _explain(client: MlflowClient, experiment: str, name: str, where: Mapping[str, str]) -> str:
    """Apply the conditions one after another and say which one left nothing."""
    wanted = {"state": SEALED, "stage": "train"}
    left = [run for run in _search(client, [experiment], wanted) if not _is_part(run)]
    if not left:
        return (
            f"experiment {name!r} has no finished training runs; make some with "
            f"memest train --experiment {name}"
        )
    for axis, value in where.items():
        present = sorted({run.data.tags.get(f"memest.{axis}", "") for run in left})
        wanted[axis] = value
        left = [run for run in _search(client, [experiment], wanted) if not _is_part(run)]
        if not left:
            kept = ", ".join(f"{a}={v}" for a, v in wanted.items() if a not in ("state", "stage", axis))
            among = f"among the runs with {kept}" if kept else "among its finished training runs"
            return (
                f"{axis}={value} removed the last run of experiment {name!r}: {among}, "
                f"{axis} is {', '.join(present)}"
            )
    raise AssertionError("a query without results has a condition that removed them")
