"""A finished training run on a tracking server, to be measured again."""

from __future__ import annotations

from dataclasses import dataclass

from memest.errors import InputError, SettingError
from memest.runs.config import epochs_named
from memest.store import SheetReader
from memest.store.artifacts import run_blobs
from memest.tracking import SEALED, connect, facts, get_run, home, kept_runs
from memest.training import checkpoint


@dataclass(frozen=True)
class FinishedRun:
    """A training run that was sealed.

    Attributes:
        run_id: its id.
        name: as people know it.
        sheet: what it measured.
        facts: what its tags say, without prefixes.
        experiment: the name of the experiment that it lies in.
    """

    run_id: str
    name: str
    sheet: SheetReader
    facts: dict[str, str]
    experiment: str

    def kept_epochs(self, wanted: str) -> list[int]:
        """The epochs to measure, all of them with a kept network.

        Args:
            wanted: `all`, `last`, or a list of epochs.

        Raises:
            SettingError: the network of one was not kept; the message lists those that were.
        """
        kept = checkpoint.epochs_in(part.name for part in self.sheet.manifest.kept)
        if not kept:
            raise SettingError(
                "the run kept no checkpoints; train again with --checkpoints all or every(k=10); "
                "of a run that joins the parts of a protocol, score the parts"
            )
        if wanted in ("all", "last"):
            return kept if wanted == "all" else kept[-1:]
        epochs = epochs_named(wanted)
        for epoch in epochs:
            if epoch not in kept:
                raise SettingError(
                    f"epoch {epoch} was not kept by the run (kept: {', '.join(map(str, kept))}); train with "
                    "--checkpoints every(k=…) or all to reach more"
                )
        return sorted(set(epochs))


def finished_run(uri: str, run_id: str) -> FinishedRun:
    """The training run with this id; for a ticket of `mlflow run`, the run that it points at.

    Raises:
        InputError: there is no such run, it is not finished, or its artifacts are gone.
    """
    if not run_id.strip():
        raise SettingError(
            "--run is needed: the id of a finished training run (memest analyze and the MLflow UI show them)"
        )
    client = connect(uri, existing=True)
    run = get_run(client, run_id)
    if ticket_of := facts(run.data.tags).get("ticket_of"):
        run = get_run(client, ticket_of)
    found = facts(run.data.tags)
    if found.get("stage") == "audit":
        raise InputError(
            f"run {run_id} is an audit: its report.html and issues.csv say what was found, and the same "
            "command finds it again without training; to measure its networks, name a run below it"
        )
    if found.get("stage") != "train" or found.get("state") != SEALED:
        raise InputError(
            f"run {run_id} is not a finished training run (stage {found.get('stage', 'unknown')}, "
            f"state {found.get('state', run.info.status)})"
        )
    (run,) = kept_runs(client, [run])
    blobs = run_blobs(client, run.info.run_id, home() / "cache")
    experiment = client.get_experiment(run.info.experiment_id).name
    return FinishedRun(run.info.run_id, run.info.run_name, SheetReader.open(blobs), found, experiment)
