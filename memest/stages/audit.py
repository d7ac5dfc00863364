"""Find the wrong labels of an image set: train on its folds, rank, calibrate, and write what was found."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from memest.auditing.conclude import JUDGEMENT, conclude
from memest.auditing.duplicates import with_duplicates
from memest.auditing.findings import Findings
from memest.auditing.near_duplicates import Duplicates, groups_of
from memest.auditing.review import random_part
from memest.data import SETS, Split, load_images
from memest.errors import SettingError
from memest.grammar.config import digest, key_settings
from memest.runs.audit_config import AuditConfig
from memest.runs.audit_files import copy_files, keep_findings, said
from memest.runs.audit_folds import planned_folds, why_few
from memest.runs.audit_material import PLAN, Material, of_folds, of_sheet, sheet_at
from memest.runs.audit_plan import AuditPlan
from memest.runs.audit_time import DECIDED, decided, forget, in_turn, shortened
from memest.runs.audit_verify import VERIFIED, verify
from memest.runs.device import choose_device
from memest.runs.parts import join, parts_of
from memest.runs.prepare import Prepared
from memest.stages.train import train_part
from memest.tracking import About, check_tracking, open_run
from memest.verdict import Verdict
from memest.version import versions


def audit(config: AuditConfig) -> Verdict:
    """Audit an image set; the same command finds what it did before, and goes on where it was interrupted.

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    _require_words(config)
    check_tracking(config.tracking)
    folder = Path(config.into)
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"--into {folder} is a file; name a folder")
    return _audit_sheet(config, folder) if config.sheet else _audit_data(config, folder)


def _require_words(config: AuditConfig) -> None:
    """Refuse what the settings exclude by themselves.

    Raises:
        SettingError: nothing to audit, a device that is not there, or networks trained of a finished run.
    """
    if not config.data and not config.sheet:
        raise SettingError(
            "audit needs a data set, as in memest audit photos/, or a finished run: --sheet RUN"
        )
    if config.verify and config.sheet:
        raise SettingError("--verify trains networks and --sheet does not: audit the data set instead")
    choose_device(config.device)


def _audit_data(config: AuditConfig, folder: Path) -> Verdict:
    """Train on the folds of a data set, and conclude."""
    began = time.monotonic()
    split = load_images(config.data, config.limit)
    if config.verify and split.test is None:
        raise SettingError(
            f"--verify needs a test set, and {SETS.short(config.data)} has none: keep a part of it back, "
            "such as 'folder(path=photos, holdout=0.2)'"
        )
    # Copies are looked for before training: how long that takes is known when the rest is shared out.
    groups = cache(partial(groups_of, split.train, split.test))
    prepared, plan = planned_folds(config, split.train, began, groups)
    with open_run(_about(config, prepared, plan), config.tracking, config.experiment) as opened:
        if not opened.done:
            opened.run.blobs.put(PLAN, plan.to_json())
            found = groups()
            with parts_of(opened.run, prepared) as parts:
                turns = in_turn(parts, plan, began)
                made = [train_part(part, page=False).run.blobs for part in turns]
            join(opened.run, prepared, made)
            choice = plan.words() | shortened(plan, made) | _facts(split)
            material = of_folds(prepared, opened.run.blobs, made[0], split.test)
            findings = replace(_concluded(material, choice, found), limit=config.limit)
            last = int(material.evidence.epochs[-1])
            keep_findings(opened.run, findings, material, last, config.export)
            if config.verify and split.test is not None:
                came = verify(prepared, findings, split.test, config.verify)
                opened.run.blobs.put(VERIFIED, came.to_json())
            if prepared.allowance:
                opened.run.blobs.put(DECIDED, decided(parts))
            opened.run.seal({})
            forget(parts)
    copy_files(opened.run.blobs, folder)
    chosen = plan.text() + why_few(config, split.train)
    return Verdict(
        said(opened, folder, chosen, plan.again()), good=True, run=opened.run.id, before=opened.done
    )


def _audit_sheet(config: AuditConfig, folder: Path) -> Verdict:
    """Conclude from a finished run or recording."""
    sheet = sheet_at(config.sheet, config.tracking)
    material = of_sheet(sheet, config.data)
    if config.export and material.images is None:
        raise SettingError("--export needs the images of the recording: name them with --data")
    header = sheet.manifest.header
    about = About(
        stage="audit",
        key=digest("audit", JUDGEMENT, versions(), header.key, header.fingerprint, *_also(config)),
        name=f"audit of {config.sheet}",
        settings=key_settings(config),
        tags={"source_run": header.key},
        note=f"The labels of `{config.sheet}`, audited without training.",
    )
    with open_run(about, config.tracking, config.experiment) as opened:
        if not opened.done:
            pictures = material.images
            groups = None if pictures is None else groups_of(pictures, material.test)
            findings = _concluded(material, {"source": config.sheet}, groups)
            step = int(material.evidence.epochs[-1])
            keep_findings(opened.run, findings, material, step, config.export)
            opened.run.seal({})
    copy_files(opened.run.blobs, folder)
    return Verdict(said(opened, folder), good=True, run=opened.run.id, before=opened.done)


def _also(config: AuditConfig) -> list[str]:
    """What makes another run of the same training, but no other training."""
    return [config.export] * bool(config.export) + [f"verify {config.verify}"] * bool(config.verify)


def _concluded(material: Material, choice: dict[str, str], groups: Duplicates | None) -> Findings:
    """What was found; groups of copies are None where there are no images."""
    findings = conclude(material.audited, material.evidence, material.how, choice)
    drawn = random_part(findings.ids, findings.fingerprint)
    findings = replace(findings, features=material.features, sampled=drawn)
    return findings if groups is None else with_duplicates(findings, groups)


def _about(config: AuditConfig, prepared: Prepared, plan: AuditPlan) -> About:
    dataset, images = SETS.short(config.data), prepared.images
    return About(
        stage="audit",
        key=digest("audit", JUDGEMENT, prepared.key, *_also(config)),
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
        note=f"The labels of **{dataset}**, {len(images):,} images in {len(images.classes)} classes, audited "
        f"by {plan.text()}.\n\n`issues.csv` is the list, `report.html` the same with pictures.",
        dataset=(dataset, prepared.split.train.fingerprint),
    )


def _facts(split: Split) -> dict[str, str]:
    height, width = split.train.images.shape[1:3]
    return {"images": str(len(split.train)), "image size": f"{height} × {width}"}
