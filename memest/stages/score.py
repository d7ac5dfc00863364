"""Measure further scores of a finished training run from its checkpoints, as a run of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from memest.data.rebuilt import rebuild
from memest.errors import InputError, SettingError
from memest.grammar.config import digest, key_settings
from memest.grammar.spec import literal, split_list
from memest.models import build_model
from memest.overhead.costs import Costs
from memest.runs import resume
from memest.runs.console import progress
from memest.runs.description import report_costs
from memest.runs.device import choose_device
from memest.runs.key import fingerprints
from memest.runs.loaded import load
from memest.runs.other_labels import other_labels
from memest.runs.sheet import evaluation_bytes, sheet_header, summary_table
from memest.runs.threads import choose_threads, cpu_threads
from memest.runs.tracked import server_uri
from memest.scores import Clock, ScoreSet, describe
from memest.seeding import Streams
from memest.stages.config import ScoreConfig
from memest.store import SheetReader, SheetWriter, block_span
from memest.store.artifacts import run_blobs
from memest.tracking import AXES, SEALED, About, Opened, connect, get_run, home, kept_runs, open_run
from memest.train import checkpoint
from memest.version import versions


def score(config: ScoreConfig) -> Opened:
    """Measure a finished run again: its own images and labels, read back and checked, its kept networks.

    Scores that name other labels, such as `loss(labels=true)`, are measured against those in the same pass;
    the labels are stored with the sheet's truth.

    Raises:
        InputError: no such finished run, an epoch that was not kept, a dataset that has changed.
    """
    uri = server_uri(config.tracking)
    source = _source(uri, config.run)
    sheet, tags = source.sheet, source.tags
    trained = sheet.manifest.header.config
    epochs = choose_epochs(config.epochs, sheet)
    source_set = rebuild(sheet, trained)
    images, truth = source_set.observed, source_set.truth
    device = choose_device(config.device)
    scores, streams = ScoreSet(config.scores), Streams(int(trained["seed"]))
    others = other_labels(scores, source_set.split.train, sheet.truth())
    network = build_model(trained["model"], images.channels, len(images.classes), 0)
    threads = choose_threads(network, images.images.shape[1:], device)
    about = About(
        stage="score",
        key=digest(
            versions(),
            source.run_id,
            str(scores),
            epochs,
            device.type,
            *fingerprints(source_set.images, others),
        ),
        name=f"score {tags.get('mlflow.runName', source.run_id)}",
        settings=key_settings(config),
        tags={axis: tags.get(f"memest.{axis}", "") for axis in AXES}
        | {"source_run": source.run_id, "threads": str(threads)},
        note=f"{scores}, measured again at epochs {epochs} of run `{source.run_id}`.",
        dataset=(tags.get("memest.dataset", ""), images.fingerprint),
    )
    with open_run(about, uri, source.experiment) as opened, cpu_threads(threads):
        if opened.done:
            return opened
        scorer = load(source_set.split, source_set.images, source_set.part, others, device).scorer
        network.to(device)
        header = sheet_header(about.key, images, truth, trained, source.run_id)
        span = block_span(len(images), len(scores), len(epochs))
        writer = SheetWriter(opened.run.blobs, header, images.ids, span, describe)
        costs = Costs(len(images), resume.restore(opened.resume, about.key, writer, device).costs)
        left = [epoch for epoch in epochs if epoch > writer.latest]
        for epoch in progress(left, len(left), about.name):
            clock, probes = Clock(device), streams.seed("probes", epoch)
            kept = checkpoint.unpack(sheet.kept(checkpoint.name(epoch)), device)
            network.load_state_dict(kept["network"])
            writer.put(epoch, scorer.measure(network, scores, probes, clock), {})
            costs.add({}, clock)
            opened.run.metrics(epoch, {"scoring_seconds": clock.total()})
            point = partial(resume.pack, about.key, writer, costs=costs.state())
            opened.resume.save(point, must=writer.full)
        summary = summary_table(writer.reader(), truth.of(images.ids), images.names)
        writer.seal(truth.columns() | others, summary, evaluation_bytes(summary))
        report_costs(opened.run, costs, epochs[-1])
        opened.run.seal({})
    return opened


def choose_epochs(wanted: str, sheet: SheetReader) -> list[int]:
    """The epochs to measure, all of them kept by the run.

    Raises:
        SettingError: one was not kept; the message lists those that were.
    """
    kept = checkpoint.epochs_in(part.name for part in sheet.manifest.kept)
    if not kept:
        raise SettingError(
            "the run kept no checkpoints; train again with --checkpoints all or every(k=10); "
            "of a run that joins the parts of a protocol, score the parts"
        )
    if wanted in ("all", "last"):
        return kept if wanted == "all" else kept[-1:]
    epochs = [literal(part) for part in split_list(wanted)]
    if not epochs:
        raise SettingError("--epochs is all, last, or a list of epochs such as 0, 10, 20; it is empty")
    for epoch in epochs:
        if type(epoch) is not int or epoch not in kept:
            raise SettingError(
                f"epoch {epoch} was not kept by the run (kept: {', '.join(map(str, kept))}); train with "
                "--checkpoints every(k=…) or all to reach more"
            )
    return sorted(set(epochs))


@dataclass(frozen=True)
class _Source:
    """The finished training run that is measured; for a ticket, the run it points at."""

    run_id: str
    sheet: SheetReader
    tags: dict[str, str]
    experiment: str


def _source(uri: str, run_id: str) -> _Source:
    if not run_id:
        raise SettingError(
            "--run is needed: the id of a finished training run (memest analyze and the MLflow UI show them)"
        )
    client = connect(uri, existing=True)
    run = get_run(client, run_id)
    if ticket_of := run.data.tags.get("memest.ticket_of"):
        run = get_run(client, ticket_of)
    tags = dict(run.data.tags)
    if tags.get("memest.stage") != "train" or tags.get("memest.state") != SEALED:
        raise InputError(
            f"run {run_id} is not a finished training run (stage {tags.get('memest.stage', 'unknown')}, "
            f"state {tags.get('memest.state', run.info.status)})"
        )
    (run,) = kept_runs(client, [run])
    blobs = run_blobs(client, run.info.run_id, home() / "cache")
    experiment = client.get_experiment(run.info.experiment_id).name
    return _Source(run.info.run_id, SheetReader.open(blobs), tags, experiment)
