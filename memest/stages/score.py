"""Measure further scores of a finished training run from its checkpoints, as a run of its own."""

from __future__ import annotations

from functools import partial

from memest.grammar.config import key_settings
from memest.output import progress
from memest.overhead.costs import Costs
from memest.runs import resume
from memest.runs.again import again
from memest.runs.device import choose_device, cpu_threads
from memest.runs.finished import finished_run
from memest.runs.report import report_costs
from memest.runs.sheet import seal_sheet, sheet_header, summary_table
from memest.scores import Clock, describe
from memest.seeding import Streams
from memest.stages.config import ScoreConfig
from memest.store import SheetWriter, block_span
from memest.tracking import Opened, open_run, server_uri


def score(config: ScoreConfig) -> Opened:
    """Measure a finished run again: its own images and labels, read back and checked, its kept networks.

    Scores that name other labels, such as `loss(labels=true)`, are measured against those in the same pass;
    the labels are stored with the sheet's truth.

    Raises:
        InputError: no such finished run, an epoch that was not kept, a dataset that has changed.
    """
    uri, device = server_uri(config.tracking), choose_device(config.device)
    source = finished_run(uri, config.run)
    measured = again(source, config.epochs, config.scores, device)
    images, truth, epochs = measured.images, measured.rebuilt.truth, measured.epochs
    about, streams = measured.about(key_settings(config)), Streams(int(measured.trained["seed"]))
    with open_run(about, uri, source.experiment) as opened, cpu_threads(measured.threads):
        if opened.done:
            return opened
        run, key, scorer = opened.run, about.key, measured.scorer()
        header = sheet_header(key, images, truth, measured.trained, source.run_id)
        span = block_span(len(images), len(measured.scores), len(epochs))
        sheet = SheetWriter(run.blobs, header, images.ids, span, describe)
        costs = Costs(len(images), resume.restore(opened.resume, key, sheet, measured.device).costs)
        left = [epoch for epoch in epochs if epoch > sheet.latest]
        for epoch in progress(left, len(left), about.name):
            clock, probes = Clock(measured.device), streams.seed("probes", epoch)
            network = measured.kept_network(epoch)
            sheet.put(epoch, scorer.measure(network, measured.scores, probes, clock), {})
            costs.add({}, clock)
            run.log_metrics(epoch, {"scoring_seconds": clock.total()})
            opened.resume.save(partial(resume.pack, key, sheet, costs=costs.state()), must=sheet.full)
        summary = summary_table(sheet.reader(), truth.of(images.ids), images.names)
        seal_sheet(sheet, truth.columns() | measured.others, summary)
        report_costs(run, costs, epochs[-1])
        run.seal({})
    return opened
