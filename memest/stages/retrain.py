"""Memorization by its definition, at small scale: many networks, each trained on a part of the examples.

What the other scores stand in for. The price is a training for every network, so this is for small sets:
a ground truth to hold the cheap scores against.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from memest.data import CORRUPTIONS, SETS, ImageSet, corrupt, load_images
from memest.errors import SettingError, SheetError
from memest.grammar.config import key_settings
from memest.loading import Loader
from memest.models import MODELS, build_model
from memest.references import Reference, values_bytes
from memest.runs.console import progress
from memest.runs.device import choose_device, deterministic
from memest.runs.key import run_key
from memest.scores import SCORING_BATCH, ScoreSet, Unseen, measure
from memest.seeding import Streams
from memest.stages.config import RetrainConfig
from memest.store.tables import write_table
from memest.tracking import About, Opened, ResumePoint, open_run
from memest.train import checkpoint, train_epochs

VALUES = "memorization.npz"


def retrain(config: RetrainConfig) -> Opened:
    """Estimate mem(i) = Pr[right on i | trained on i] − Pr[right on i | not], and keep it as a reference.

    Source: Feldman and Zhang 2020, section 3, with subsets of a fixed share (theirs: 0.7).

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    if config.share == 1 or not Path(config.into).absolute().parent.is_dir():
        raise SettingError(
            f"--share {config.share:g} and --into {config.into}: some examples have to be left out (a share "
            "below 1), and the folder has to be there"
        )
    streams = Streams(config.seed, corruption=config.corruption_seed)
    split = load_images(config.data, config.limit)
    images, _ = corrupt(split.train, config.corruption, streams)
    device = choose_device(config.device)
    key = run_key(key_settings(config) | {"stage": "retrain"}, split, images, device, {})
    about = _about(config, key, images, device)
    with open_run(about, config.tracking, config.experiment) as opened, deterministic(True):
        if not opened.done:
            tally = _Tally.restored(opened.resume, key, len(images))
            left = range(tally.networks, config.networks)
            for number in progress(left, len(left), about.name):
                member, right = _trained_on_some(config, images, streams, number, device)
                tally.add(member, right)
                opened.run.metrics(number, {"networks": tally.networks, "accuracy": float(right.mean())})
                opened.resume.save(partial(tally.pack, key))
            _conclude(opened, images, tally)
            opened.run.seal({})
    Path(config.into).write_bytes(opened.run.blobs.get(VALUES))
    return opened


def _about(config: RetrainConfig, key: str, images: ImageSet, device: torch.device) -> About:
    dataset, model = SETS.short(config.data), MODELS.short(config.model)
    return About(
        stage="retrain",
        key=key,
        name=f"memorization of {dataset} by {model}, {config.networks} networks",
        settings=key_settings(config),
        tags={
            "dataset": dataset,
            "limit": str(config.limit),
            "corruption": CORRUPTIONS.short(config.corruption),
            "model": model,
            "seed": str(config.seed),
            "device": device.type,
        },
        note=f"{config.networks} networks, each trained on {config.share:.0%} of {len(images):,} images: "
        f"`{VALUES}` holds ids, memorization and labels.",
        dataset=(dataset, images.fingerprint),
    )


def _trained_on_some(
    config: RetrainConfig,
    images: ImageSet,
    streams: Streams,
    number: int,
    device: torch.device,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which examples network `number` was trained on, and which of all it gets right, (N,) each."""
    own = Streams(streams.seed("subsets", number))
    chosen = np.sort(own.numpy("subsets").permutation(len(images))[: round(config.share * len(images))])
    statistics = images.take(chosen).statistics()
    training = Loader(images.take(chosen), statistics, device)
    network = build_model(config.model, images.channels, len(images.classes), own.seed("weights"))
    for _ in train_epochs(network, [training], None, config.recipe, own, Unseen()):
        pass
    everything = Loader(images, statistics, device).batches(SCORING_BATCH)
    right = measure(network, everything, images.ids, ScoreSet("correct"), device)["correct"] > 0.5
    member = np.zeros(len(images), bool)
    member[chosen] = True
    return member, right


def _conclude(opened: Opened, images: ImageSet, tally: _Tally) -> None:
    """The estimate as a reference and, with its standard errors, as a table."""
    values, errors = tally.memorization()
    reference = Reference(
        "memorization, by retraining on subsets", images.ids, values, True, images.labels, images.order
    )
    opened.run.blobs.put(VALUES, values_bytes(reference))
    columns = {"id": images.ids, "label": images.labels, "memorization": values, "standard_error": errors}
    opened.run.blobs.put("memorization.parquet", write_table(columns))
    opened.run.metrics(tally.networks, {"mean_memorization": float(values.mean())})


class _Tally:
    """How often each example was trained on or left out, and right then, (2, 2, N): counts[member, right]."""

    def __init__(self, counts: NDArray[np.int64], networks: int = 0) -> None:
        self.counts, self.networks = counts, networks

    @classmethod
    def restored(cls, point: ResumePoint, key: str, count: int) -> _Tally:
        """Where an interrupted run was; zeros, for one that begins."""
        content, fresh = point.load(), cls(np.zeros((2, 2, count), np.int64))
        if content is None:
            return fresh
        try:
            state: dict[str, Any] = checkpoint.unpack(content, torch.device("cpu"))
            if state["key"] != key or state["counts"].shape != fresh.counts.shape:
                raise SheetError("it is of another run")
            return cls(state["counts"].numpy(), state["networks"])
        except (SheetError, AttributeError, KeyError, TypeError) as error:
            point.refuse(f"{error}")
            return fresh

    def pack(self, key: str) -> bytes:
        """What `restored` reads."""
        counts = torch.from_numpy(self.counts.copy())
        return checkpoint.pack({"key": key, "counts": counts, "networks": self.networks})

    def add(self, member: NDArray[np.bool_], right: NDArray[np.bool_]) -> None:
        """One network: what it was trained on and what it gets right, (N,) each."""
        for was in (0, 1):
            for got in (0, 1):
                self.counts[was, got] += (member == was) & (right == got)
        self.networks += 1

    def memorization(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimates and their standard errors, (N,) each.

        Raises:
            SheetError: an example was in every subset or in none: there are too few networks.
        """
        total = self.counts.sum(1)
        if (total == 0).any():
            short_of = int((total == 0).any(0).sum())
            raise SheetError(
                f"{short_of} examples were in all or in none of {self.networks} subsets; "
                "train more --networks, or another --share"
            )
        rates = self.counts[:, 1] / total
        return rates[1] - rates[0], np.sqrt((rates * (1 - rates) / total).sum(0))
