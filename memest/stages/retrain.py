"""Memorization by its definition, at small scale: many networks, each trained on a part of the examples.

What the other scores stand in for. The price is a training for every network, so this is for small sets:
a ground truth to hold the cheap scores against.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from memest.data import CORRUPTIONS, SETS
from memest.errors import SettingError
from memest.grammar.config import build, digest, flags, flatten, key_settings
from memest.models import MODELS
from memest.output import progress
from memest.references import Reference, values_bytes
from memest.runs.config import TrainConfig
from memest.runs.memorization import Tally, require_both_kinds, train_on_some
from memest.runs.prepare import Prepared, prepare
from memest.stages.config import RetrainConfig
from memest.store.tables import write_table
from memest.tracking import About, Opened, open_run

VALUES = "memorization.npz"


def retrain(config: RetrainConfig) -> Opened:
    """Estimate mem(i) = Pr[right on i | trained on i] − Pr[right on i | not], and keep it as a reference.

    Source: Feldman and Zhang 2020, section 3, with subsets of a fixed share (theirs: 0.7).

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    if config.share in (0, 1):
        none = "trains on no example" if config.share == 0 else "leaves no example out"
        raise SettingError(f"--share {config.share:g} {none}: give a share below 1 and above 0, such as 0.7")
    into = Path(config.into).absolute()
    if into.is_dir() or not into.parent.is_dir():
        raise SettingError(
            f"--into {config.into}: name a file, such as memorization.npz, in a folder that is there"
        )
    prepared = prepare(_training(config))
    count = round(config.share * len(prepared.images))
    if not count:
        raise SettingError(
            f"--share {config.share:g} of {len(prepared.images)} images is none: use a larger share"
        )
    prepared.require_trainable([count])
    require_both_kinds(prepared, count, config.networks)
    about = _about(config, prepared)
    with open_run(about, config.tracking, config.experiment) as opened, prepared.computing():
        if not opened.done:
            tally = Tally.restored(opened.resume, about.key, len(prepared.images))
            left = range(tally.networks, config.networks)
            for number in progress(left, len(left), about.name):
                member, right = train_on_some(prepared, count, number)
                tally.add(member, right)
                opened.run.log_metrics(number, {"networks": tally.networks, "accuracy": float(right.mean())})
                opened.resume.save(partial(tally.pack, about.key))
            _conclude(opened, prepared, tally)
            opened.run.seal({})
    Path(config.into).write_bytes(opened.run.blobs.get(VALUES))
    return opened


def _training(config: RetrainConfig) -> TrainConfig:
    """The training that each network goes through, on a part of the examples."""
    shared = {name: value for name, value in flatten(config).items() if name in flags(TrainConfig)}
    return build(TrainConfig, shared | {"scores": "correct"})


def _about(config: RetrainConfig, prepared: Prepared) -> About:
    dataset, model = SETS.short(config.data), MODELS.short(config.model)
    return About(
        stage="retrain",
        key=digest("retrain", key_settings(config), prepared.key),
        name=f"memorization of {dataset} by {model}, {config.networks} networks",
        settings=key_settings(config),
        tags={
            "dataset": dataset,
            "limit": str(config.limit),
            "corruption": CORRUPTIONS.short(config.corruption),
            "model": model,
            "seed": str(config.seed),
            "device": prepared.device.type,
            "threads": str(prepared.threads),
        },
        note=f"{config.networks} networks, each trained on {config.share:.0%} of {len(prepared.images):,} "
        f"images: `{VALUES}` holds ids, memorization and labels.",
        dataset=(dataset, prepared.images.fingerprint),
    )


def _conclude(opened: Opened, prepared: Prepared, tally: Tally) -> None:
    """The estimate as a reference and, with its standard errors and 95 % intervals, as a table."""
    images, found = prepared.images, tally.memorization()
    reference = Reference(
        "memorization, by retraining on subsets", images.ids, found.value, True, images.labels, images.order
    )
    opened.run.blobs.put(VALUES, values_bytes(reference))
    columns = {
        "id": images.ids,
        "label": images.labels,
        "memorization": found.value,
        "standard_error": found.standard_error,
        "low": found.low,
        "high": found.high,
    }
    opened.run.blobs.put("memorization.parquet", write_table(columns))
    opened.run.log_metrics(tally.networks, {"mean_memorization": float(found.value.mean())})
