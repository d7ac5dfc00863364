"""Find the wrong labels of an image set: train on its folds, rank, calibrate, and write what was found."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from memest.audit.conclude import Audited, conclude
from memest.audit.findings import Findings
from memest.audit.sheets import evidence_of
from memest.audit.tables import issues_csv, issues_parquet, recall_at, summary_json
from memest.data import SETS, ImageSet, load_images
from memest.errors import SettingError
from memest.files import write_whole
from memest.grammar.config import build, digest, key_settings
from memest.grammar.duration import duration
from memest.runs.audit_plan import Asked, Plan, choose_plan, measured_seconds
from memest.runs.config import TrainConfig
from memest.runs.device import choose_device
from memest.runs.parts import join, parts_of
from memest.runs.plans import remembered
from memest.runs.prepare import Prepared, prepare
from memest.stages.config import AuditConfig
from memest.stages.train import train_part
from memest.stages.verdict import Verdict
from memest.store import Blobs, SheetReader
from memest.tracking import About, Opened, Run, check_tracking, open_run

PLAN = "audit_plan.json"
FILES = ("report.html", "issues.csv", "issues.parquet", "summary.json")
"""What lies in the run, and is copied into the folder."""
_RECIPE = {
    "lr": 0.1,
    "batch_size": 32,
    "schedule": "one_cycle(warmup=0.2)",
    "scores": "loss, correct, margin",
    "score_every": 0,
}
"""Chosen by measurement, see docs/audit.md: the paper's recipe is made for 200 epochs of 50,000 images."""
_SHARED = ("data", "limit", "seed", "device", "experiment", "tracking")
_FEWEST_PLANTED = 10
_SHOWN = 50


def audit(config: AuditConfig) -> Verdict:
    """Audit an image set; the same command finds what it did before, and goes on where it was interrupted.

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    check_tracking(config.tracking)
    folder = Path(config.into)
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"--into {folder} is a file; name a folder")
    prepared, plan = _planned(config)
    about = _about(config, prepared, plan)
    with open_run(about, config.tracking, config.experiment) as opened:
        if not opened.done:
            opened.run.blobs.put(PLAN, plan.to_json())
            with parts_of(opened.run, prepared) as parts:
                made = [train_part(part).run.blobs for part in parts]
            join(opened.run, prepared, made)
            _keep(opened.run, _found(prepared, plan, opened.run.blobs), prepared.epochs)
            opened.run.seal({})
    _copy(opened.run.blobs, folder)
    return _said(opened, plan, folder)


def _planned(config: AuditConfig) -> tuple[Prepared, Plan]:
    """The folds to train, and what was chosen for them.

    Raises:
        SettingError: too few images, or too short a budget.
    """
    images = load_images(config.data, config.limit).train
    most = _most_folds(images)
    asked = Asked("" if config.model == "auto" else config.model, config.epochs, config.folds)
    if asked.folds > most:
        raise SettingError(
            f"--folds {asked.folds}: the smallest class has {most} images; --folds {most} would do"
        )
    first = _prepared(config, Plan(asked.model or "tiny", 1, 2), images)

    def seconds(model: str) -> float:
        return measured_seconds(replace(first, config=replace(first.config, model=model)))

    def choose() -> Plan:
        return choose_plan(asked, most, duration(config.budget), seconds)

    if asked.decided:
        plan = Plan(asked.model, asked.epochs, asked.folds)
    else:
        key = digest("audit", key_settings(config), images.fingerprint, choose_device(config.device).type)
        plan = remembered(key, Plan.from_json, choose, Plan.to_json)
    return _prepared(config, plan, images, first), plan


def _most_folds(images: ImageSet) -> int:
    """Folds that leave every class in every part.

    Raises:
        SettingError: a class has a single image, or there are too few images in all.
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


def _prepared(config: AuditConfig, plan: Plan, images: ImageSet, earlier: Prepared | None = None) -> Prepared:
    """The folds of a plan; the test set, if there is one, is not needed and left out."""
    settings = {name: getattr(config, name) for name in _SHARED}
    enough = int(config.planted * len(images)) >= _FEWEST_PLANTED
    settings |= _RECIPE | {
        "model": plan.model,
        "epochs": plan.epochs,
        "protocol": f"cross_fit(folds={plan.folds})",
        "corruption": f"confusable_noise(rate={config.planted})" if enough else "none",
    }
    prepared = prepare(build(TrainConfig, settings), earlier=earlier)
    return replace(prepared, split=replace(prepared.split, test=None))


def _about(config: AuditConfig, prepared: Prepared, plan: Plan) -> About:
    dataset, images = SETS.short(config.data), prepared.images
    return About(
        stage="audit",
        key=digest("audit", prepared.key),
        name=f"audit of {dataset}",
        settings=key_settings(prepared.config),
        tags={
            "dataset": dataset,
            "limit": str(config.limit),
            "model": plan.model,
            "epochs": str(plan.epochs),
            "seed": str(config.seed),
            "device": prepared.device.type,
            "threads": str(prepared.threads),
        },
        note=f"The labels of **{dataset}**, {len(images.classes)} classes, {len(images):,} images: audited by"
        f" {plan.text()}.\n\n`issues.csv` is the list, `report.html` the same with pictures.",
        dataset=(dataset, prepared.split.train.fingerprint),
    )


def _found(prepared: Prepared, plan: Plan, blobs: Blobs) -> Findings:
    given, truth = prepared.split.train, prepared.truth
    names = given.ids if given.names is None else given.names
    audited = Audited(
        dataset=prepared.config.data,
        fingerprint=given.fingerprint,
        classes=given.classes,
        ids=given.ids,
        files=tuple(map(str, names.tolist())),
        labels=given.labels,
        unreadable=prepared.split.left_out,
    )
    how = (
        f"{int(truth.changed.sum())} labels, drawn at random, were changed to the class whose mean image is "
        "nearest"
    )
    choice = {
        "network": plan.model,
        "epochs": str(plan.epochs),
        "folds": str(plan.folds),
        "image size": " × ".join(map(str, given.images.shape[1:3])),
        "images": str(len(given)),
    }
    return conclude(audited, evidence_of(SheetReader.open(blobs), plan.folds - 1), how, choice)


def _keep(run: Run, findings: Findings, step: int) -> None:
    """Write what was found into the run."""
    for name, content in _files(findings):
        run.blobs.put(name, content)
    table = findings.table()
    run.table("tables/issues", {name: values[:_SHOWN] for name, values in table.items()})
    counts = {
        f"issues/{kind}": float((findings.kind == kind).sum()) for kind in np.unique(findings.kind).tolist()
    }
    planted = {f"planted_recall/first_{k}": recall for k, recall in recall_at(findings).items()}
    run.metrics(step, counts | planted | {"wrong_share": findings.estimate.share})


def _files(findings: Findings) -> Iterable[tuple[str, bytes]]:
    yield "issues.csv", issues_csv(findings)
    yield "issues.parquet", issues_parquet(findings)
    yield "summary.json", summary_json(findings)


def _copy(blobs: Blobs, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in blobs.names(""):
        if name in FILES:
            write_whole(folder / name, blobs.get(name))


def _said(opened: Opened, plan: Plan, folder: Path) -> Verdict:
    summary = json.loads(opened.run.blobs.get("summary.json"))
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary["kinds"].items())
    lines = [plan.text(), f"{summary['examples']} images: {kinds}"]
    lines.append(
        f"wrong labels: about {summary['wrong_share']['share']:.1%}, {summary['wrong_share']['how']}"
    )
    if summary["planted"]:
        k, recall = next(iter(sorted(summary["planted"]["recall_at"].items(), key=lambda item: int(item[0]))))
        lines.append(
            f"of {summary['planted']['count']} planted errors, {recall:.0%} stand among the first {k}"
        )
    before = "was done before" if opened.done else "is done"
    lines.append(f"the list is in {folder / 'issues.csv'}; run {opened.run.id} {before}")
    return Verdict("\n".join(lines), good=True, run=opened.run.id, before=opened.done)
