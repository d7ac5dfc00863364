"""What an audit trains: the folds of its data set, as many and as long as its budget allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from memest.data import ImageSet
from memest.errors import SettingError
from memest.grammar.config import build, digest, key_settings
from memest.grammar.duration import duration
from memest.runs.audit_config import AuditConfig
from memest.runs.audit_plan import FOLDS, Asked, AuditPlan, Price, choose_plan, measured_price
from memest.runs.config import TrainConfig
from memest.runs.device import choose_device
from memest.runs.in_time import Allowance
from memest.runs.plans import remembered
from memest.runs.prepare import Prepared, prepare

RECIPE: dict[str, Any] = {
    "lr": 0.1,
    "batch_size": 32,
    "augmentation": "none",
    "schedule": "one_cycle(warmup=0.2)",
    "scores": "loss, correct, margin",
    "score_every": 0,
}
"""Chosen by measurement, see docs/audit.md: the paper's recipe is made for 200 epochs of 50,000 images."""
_SHARED = ("data", "limit", "seed", "device", "experiment", "tracking")
_FEWEST_PLANTED = 10


def planned_folds(
    config: AuditConfig, images: ImageSet, began: float, first_of_all: Callable[[], object]
) -> tuple[Prepared, AuditPlan]:
    """The folds to train, and what was chosen for them in the time that is left since it began.

    Args:
        config: the settings.
        images: to audit.
        began: when the audit did.
        first_of_all: what has to be done besides training; it is done before a plan is made.

    Raises:
        SettingError: too few images, or too short a budget.
    """
    most, budget = _most_folds(images), duration(config.budget)
    asked = Asked("" if config.model == "auto" else config.model, config.epochs, config.folds)
    if asked.folds > most:
        raise SettingError(
            f"--folds {asked.folds}: the smallest class has {most} images; there can be as many folds"
        )
    first = _folds_of(config, AuditPlan(asked.model or "tiny", asked.epochs or 1, asked.folds or 2), images)

    def priced(model: str, most: float) -> Price:
        return measured_price(replace(first, config=replace(first.config, model=model)), most)

    def choose() -> AuditPlan:
        first_of_all()
        return choose_plan(asked, most, budget, priced, lambda: time.monotonic() - began)

    if asked.decided:
        return first, AuditPlan(asked.model, asked.epochs, asked.folds)
    key = digest("audit", key_settings(config), images.fingerprint, choose_device(config.device).type)
    plan = remembered(key, AuditPlan.from_json, choose, AuditPlan.to_json)
    prepared = _folds_of(config, plan, images, first)
    return (prepared if asked.epochs else replace(prepared, allowance=Allowance(budget))), plan


def _most_folds(images: ImageSet) -> int:
    """Folds that leave every class in every part: as many as the smallest class has images.

    Raises:
        SettingError: a class has a single image, or there is one class only.
    """
    counts = np.bincount(images.labels, minlength=len(images.classes))
    there = np.flatnonzero(counts)
    least = there[counts[there].argmin()]
    if len(there) < 2:
        raise SettingError(
            f"the {len(images)} images have one class only, {images.classes[there[0]]!r}: an audit compares "
            "classes, so at least two are needed"
        )
    if counts[least] < 2:
        raise SettingError(
            f"class {images.classes[least]!r} has one image: no network can judge it that has not seen the "
            "class; add images, merge it with another class, or leave it out"
        )
    return int(counts[least])


def why_few(config: AuditConfig, images: ImageSet) -> str:
    """Why there are fewer folds than usual, in words; empty where there are not."""
    most = _most_folds(images)
    if most >= FOLDS or config.folds:
        return ""
    return f" (no more than {most} folds: the smallest class has {most} images)"


def _folds_of(
    config: AuditConfig, plan: AuditPlan, images: ImageSet, earlier: Prepared | None = None
) -> Prepared:
    """The folds of a plan; the test set, if there is one, is not trained with and left out."""
    settings = {name: getattr(config, name) for name in _SHARED}
    enough = int(config.planted * len(images)) >= _FEWEST_PLANTED
    settings |= RECIPE | {
        "model": plan.model,
        "epochs": plan.epochs,
        "protocol": f"cross_fit(folds={plan.folds})",
        "corruption": f"confusable_noise(rate={config.planted})" if enough else "none",
    }
    prepared = prepare(build(TrainConfig, settings), earlier=earlier)
    return replace(prepared, split=replace(prepared.split, test=None))
