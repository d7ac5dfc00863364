"""Train a network and keep every score of every example at every epoch: the whole method on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from memest.errors import SettingError
from memest.grammar.config import key_settings
from memest.output import progress
from memest.overhead.costs import Costs
from memest.runs import resume
from memest.runs.auroc_curves import RunningCurves
from memest.runs.budget import within_budget
from memest.runs.config import TrainConfig
from memest.runs.description import LEFT_OUT, about_training
from memest.runs.epochs import Ending, follow, lead, measured_epochs
from memest.runs.parts import join, keep_part, parts_of
from memest.runs.possible import require_possible
from memest.runs.prepare import Prepared, prepare
from memest.runs.report import choice_files, keep_page, report
from memest.runs.sheet import seal_sheet, sheet_header, summary_table
from memest.scores import describe
from memest.store import SheetWriter, block_span
from memest.tracking import Opened, check_tracking, open_run
from memest.training import ALONE, ProcessGroup, checkpoint, process_group

Callback = Callable[[str, int, Mapping[str, float]], None]
"""Called after every epoch of a run with its id, the epoch and its metrics; may raise a `PrunedError`."""


def ignore(run: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """A callback that does nothing."""


def train_together(config: TrainConfig) -> Opened | None:
    """The command: `train`, by all processes that torchrun started; None on all ranks but the first.

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    with process_group() as group:
        if group.rank:
            follow(group)
            return None
        try:
            opened = train(config, group=group)
        except BaseException:
            if not group.begun:  # the others still wait to begin; later on torchrun ends them
                group.broadcast(None)
            raise
        group.broadcast(None)
        return opened


def train(config: TrainConfig, callback: Callback = ignore, group: ProcessGroup = ALONE) -> Opened:
    """Train what a configuration asks for: one run, or every part of its protocol and a run that joins them.

    Args:
        config: what to train.
        callback: called after every epoch of a single run; not where there are several.
        group: the processes that train together, of which this is the first.

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    require_possible([config])
    check_tracking(config.tracking)
    prepared = within_budget(prepare(config, group.size))
    if len(prepared.parts) == 1:
        return train_part(prepared, callback, group)
    if group.size > 1:
        raise SettingError(
            f"{group.size} processes train one run, and --protocol {config.protocol} makes several: name one "
            "with --part 0, then the next, and join them without torchrun"
        )
    return train_parts(prepared)


def train_parts(prepared: Prepared) -> Opened:
    """Train every part as a run of its own, and join what they found in one more run."""
    config = prepared.config
    with open_run(about_training(prepared), config.tracking, config.experiment) as opened:
        if not opened.done:
            with parts_of(opened.run, prepared) as parts:
                made = [train_part(part).run.blobs for part in parts]
            join(opened.run, prepared, made)
            opened.run.seal({})
    return opened


def train_part(
    prepared: Prepared,
    callback: Callback = ignore,
    group: ProcessGroup = ALONE,
    page: bool = True,
) -> Opened:
    """Train, measure, store and track one part; a run of the same key is found, not repeated.

    Args:
        prepared: what to train.
        callback: called after every epoch.
        group: the processes that train together, of which this is the first.
        page: whether to write its report.html.
    """
    config, part, observed, epochs = prepared.config, prepared.part, prepared.observed, prepared.epochs
    about = about_training(prepared)
    with open_run(about, config.tracking, config.experiment) as opened, prepared.computing():
        if opened.done:
            return opened
        run, key = opened.run, prepared.key
        for name, content in choice_files(prepared.choice).items():
            run.blobs.put(name, content)
        if left_out := prepared.split.left_out:
            run.table(LEFT_OUT, {"name": list(left_out), "reason": list(left_out.values())})
        header = sheet_header(key, observed, prepared.truth, key_settings(config))
        span = block_span(len(observed), 2 * len(prepared.scores), epochs + 1)
        sheet = SheetWriter(run.blobs, header, observed.ids, span, describe)
        before = resume.restore(opened.resume, key, sheet, prepared.device, prepared.stopping)
        ending = Ending.of(prepared, before.training)
        resume.keep_again(sheet, before, ending.keeps)
        costs = Costs(len(part.stages[0]), before.costs)
        truth = prepared.truth.of(observed.ids)
        curves = RunningCurves(sheet.reader(), truth.changed)
        lead(group, config, before.training)
        loaded, network = prepared.load(group), prepared.network()
        ends = measured_epochs(prepared, loaded, network, before.training, group)
        for end in progress(ends, epochs + 1, about.name):
            sheet.put(end.epoch, end.scores, {"weight_norm": end.metrics["weight_norm"]})
            costs.add(end.metrics, end.clock)
            found = curves.after(end.epoch, end.scores)
            run.log_metrics(end.epoch, found | end.metrics | {"scoring_seconds": end.clock.total()})
            ending = ending.after(end)
            kept = ending.keeps(end.epoch)
            # The point comes before what refuses other bytes: elsewhere the epoch might give others.
            must = end.epoch == ending.last or kept or sheet.full
            opened.resume.save(partial(resume.pack, key, sheet, end.state(), costs.state()), must)
            if kept:
                sheet.keep(checkpoint.name(end.epoch), checkpoint.pack(end.state()))
            callback(run.id, end.epoch, end.metrics)
        for name, content in ending.files().items():
            run.blobs.put(name, content)
        if len(part.left_out) or not part.plain:
            keep_part(sheet, prepared.images, part, loaded.asked.probabilities(network))
        summary = summary_table(sheet.reader(), truth, observed.names)
        evaluation = seal_sheet(sheet, prepared.truth.columns() | prepared.others, summary)
        report(run, observed, summary, evaluation, costs, ending.last)
        if page:
            keep_page(run, observed, sheet.reader(), summary)
        run.seal(ending.tags())
    return opened
