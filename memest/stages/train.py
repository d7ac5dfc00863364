"""Train a network and keep every score of every example at every epoch: the whole method on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from memest.data import corrupt, load_images
from memest.grammar.config import key_settings
from memest.models import build_model
from memest.overhead.costs import Costs
from memest.runs import resume
from memest.runs.config import TrainConfig
from memest.runs.console import progress
from memest.runs.dataset import chosen_part, keep_part, loaders
from memest.runs.description import about_training, report
from memest.runs.device import choose_device, deterministic
from memest.runs.key import run_key
from memest.runs.other_labels import other_labels
from memest.runs.sheet import evaluation_bytes, sheet_header, summary_table
from memest.scores import (
    SCORING_BATCH,
    Clock,
    OnlineScores,
    ScoreSet,
    Unseen,
    describe,
    measure,
    probabilities,
)
from memest.seeding import Streams
from memest.store import SheetWriter, block_span
from memest.tracking import OFF, Opened, check_tracking, open_run
from memest.train import ALONE, Team, checkpoint, train_epochs

Callback = Callable[[str, int, Mapping[str, float]], None]
"""Called after every epoch of a run with its id, the epoch and its metrics; may raise a `PrunedError`."""


def ignore(run: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """A callback that does nothing."""


def train(
    config: TrainConfig,
    callback: Callback = ignore,
    team: Team = ALONE,
    files: Mapping[str, bytes] = MappingProxyType({}),
) -> Opened:
    """Train, measure, store and track one part; a run of the same configuration is found, not repeated.

    Args:
        config: what to train.
        callback: called after every epoch.
        team: the processes that train together, of which this one leads.
        files: further files to keep with the run, by name.

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    if config.tracking != OFF:
        check_tracking(config.tracking)
    streams = Streams(config.seed, corruption=config.corruption_seed)
    split = load_images(config.data, config.limit)
    images, truth = corrupt(split.train, config.corruption, streams)
    part = chosen_part(images, config.protocol, config.part, streams)
    observed, epochs = images.take(part.observed), config.recipe.epochs * len(part.stages)
    device = choose_device(config.device)
    network = build_model(config.model, images.channels, len(images.classes), streams.seed("weights"))
    config.schedule.require_something()
    team.require_shares([len(stage) for stage in part.stages], config.recipe.batch_size)
    others = other_labels(ScoreSet(config.scores), split.train)
    within = {name: labels[part.observed] for name, labels in others.items()}
    key = run_key(key_settings(config), split, images, device, others, team.size)
    about = about_training(config, key, images, truth, device)
    with open_run(about, config.tracking, config.experiment) as opened, deterministic(config.deterministic):
        if opened.done:
            return opened
        run, recipe, scores = opened.run, config.recipe, ScoreSet(config.scores)
        loaded = loaders(split, images, part, device)
        recorder = OnlineScores(observed.ids, str(scores.free), device) if part.plain else Unseen()
        header = sheet_header(key, observed, truth, key_settings(config))
        span = block_span(len(observed), 2 * len(scores), epochs + 1)
        for name, content in files.items():
            run.blobs.put(name, content)
        sheet = SheetWriter(run.blobs, header, observed.ids, span, describe)
        before = resume.restore(opened.resume, key, sheet, device)
        keeps = partial(config.keeps, epochs=epochs)
        resume.keep_again(sheet, before, keeps)
        costs = Costs(len(part.stages[0]), before.costs)
        team.tell((config, checkpoint.pack(before.training) if before.training else None))
        stages, testing = loaded.stages, loaded.testing
        ends = train_epochs(network, stages, testing, recipe, streams, recorder, before.training, team)
        for end in progress(ends, epochs + 1, about.name):
            clock, due = Clock(device), config.schedule.due(end.epoch, epochs)
            probes = streams.seed("probes", end.epoch)
            batches = team.shares(loaded.observed.batches(SCORING_BATCH))
            measured = measure(
                end.network, batches, observed.ids, due, device, probes, clock, within, team.adding
            )
            measured |= recorder.take(team.adding)
            sheet.put(end.epoch, measured, {"weight_norm": end.metrics["weight_norm"]})
            costs.add(end.metrics, clock)
            run.metrics(end.epoch, end.metrics | {"scoring_seconds": clock.total()})
            kept = keeps(end.epoch)
            must = end.epoch == epochs or (not config.deterministic and (kept or sheet.full))
            opened.resume.save(partial(resume.pack, key, sheet, end.state(), costs.state()), must)
            if kept:  # after the point: an epoch that is run again may give other bytes, which are refused
                sheet.keep(checkpoint.name(end.epoch), checkpoint.pack(end.state()))
            callback(run.id, end.epoch, end.metrics)
        if not part.plain:
            batches = loaded.observed.batches(SCORING_BATCH)
            keep_part(sheet, images, part, probabilities(network, batches))
        summary = summary_table(sheet.reader(), truth.of(observed.ids))
        sheet.seal(truth.columns() | others, summary, evaluation_bytes(summary))
        report(run, observed, summary, costs, epochs)
        run.seal({})
    return opened
