"""Measure further scores of a finished training run from its checkpoints, as a run of its own."""

from __future__ import annotations

from functools import partial

from memest.data.rebuilt import rebuild
from memest.grammar.config import digest, key_settings
from memest.models import build_model
from memest.overhead.costs import Costs
from memest.runs import resume
from memest.runs.console import progress
from memest.runs.device import choose_device
from memest.runs.finished import finished_run
from memest.runs.key import fingerprints
from memest.runs.loaded import load
from memest.runs.other_labels import other_labels
from memest.runs.report import report_costs
from memest.runs.sheet import seal_sheet, sheet_header, summary_table
from memest.runs.threads import choose_threads, cpu_threads
from memest.runs.tracked import server_uri
from memest.scores import Clock, ScoreSet, describe
from memest.seeding import Streams
from memest.stages.config import ScoreConfig
from memest.store import SheetWriter, block_span
from memest.tracking import AXES, About, Opened, open_run
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
    source = finished_run(uri, config.run)
    sheet, tags = source.sheet, source.tags
    trained = sheet.manifest.header.config
    epochs = source.kept_epochs(config.epochs)
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
        seal_sheet(writer, truth.columns() | others, summary)
        report_costs(opened.run, costs, epochs[-1])
        opened.run.seal({})
    return opened
