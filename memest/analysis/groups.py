"""What may be averaged: runs that differ in their training seed alone. The one place that decides it.

    for group in groups(runs):          # one run for each training seed
        group.title                     # says in what it differs from the others

Runs of one group have the same images, the same source of labels, network, recipe, epochs and definitions of
scores. The same training done twice counts once. Two label draws of one training seed are not two seeds:
they stand in groups of their own. What differs between the methods of a group is `averages.told_apart`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from memest.analysis.columns import covered_text, epochs_covered
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet

SETTING = (
    "dataset",
    "limit",
    "source",
    "corruption",
    "model",
    "protocol",
    "epochs",
    "recipe",
    "scores_version",
)
"""What all runs of a group have in common; `source` stands for the clean images and what labels came from."""
LABELS = ("corruption_seed", "fingerprint")
"""Told apart where a training seed came with several draws of labels."""
_APART = {"seed", "corruption_seed", "data", "limit", "corruption", "model", "protocol", "part", "scores"}
_APART |= {"checkpoints", "experiment", "tracking", "device"}
"""Settings of a run that are axes, or change no number."""


@dataclass(frozen=True)
class RunGroup:
    """Runs that may be averaged.

    Attributes:
        runs: one for each training seed, in the order of the seeds.
        setting: what they have in common: `SETTING`, and `LABELS` where that was needed to tell groups apart.
        differs: in what, from groups whose title would be the same; empty where there are none.
    """

    runs: RunSet
    setting: Mapping[str, str]
    differs: str = ""

    @property
    def title(self) -> str:
        """What was trained on what: unique among the groups that were made together."""
        return setting_text(self.setting) + (f" ({self.differs})" if self.differs else "")

    @property
    def axes(self) -> dict[str, str]:
        """The columns of a table that say which group a row is of."""
        axes = {axis: self.setting.get(axis, "") for axis in (*SETTING, *LABELS)}
        return axes | {"differs": self.differs, "group": self.title}


AXES = [*SETTING, *LABELS, "differs", "group"]
"""The columns of `Group.axes`."""


def groups(runs: Iterable[RunRecord], same_labels: bool = False) -> list[RunGroup]:
    """Runs by what may be averaged, in the order of their settings.

    Args:
        same_labels: put runs of different label draws apart even where each has a training seed of its own.
    """
    found = []
    for setting, alike in _by(without_repeats(runs), setting_of):
        keys = [LABELS[1:]] if same_labels else [(), LABELS[:1], LABELS[1:]]
        for key in keys:  # the coarsest split in which no training seed stands twice
            parts = _by(alike, partial(_label_axes, key))
            if all(len({seed_of(run) for run in part}) == len(part) for _, part in parts):
                break
        found += [(setting | labels, sorted(part, key=seed_of)) for labels, part in parts]
    texts = differences([(setting, part[0]) for setting, part in found])
    return [RunGroup(RunSet(part), setting, text) for (setting, part), text in zip(found, texts, strict=True)]


def covering(runs: Iterable[RunRecord], *summaries: str) -> list[tuple[str, RunSet]]:
    """Runs by the epochs that their summaries cover, which may not be averaged over; the most runs first.

    Args:
        summaries: that all of the runs have.

    Returns:
        for each part its epochs in words, empty where it is the only one, and its runs.
    """
    parts: dict[tuple[tuple[int, ...], ...], list[RunRecord]] = {}
    for run in runs:
        parts.setdefault(tuple(epochs_covered(run, name) for name in summaries), []).append(run)
    ordered = sorted(parts.items(), key=lambda part: -len(part[1]))
    texts = ["; ".join(dict.fromkeys(map(covered_text, covers))) for covers, _ in ordered]
    texts = texts if len(parts) > 1 else [""]
    return [(text, RunSet(part)) for text, (_, part) in zip(texts, ordered, strict=True)]


def without_repeats(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """The same training counts once: what a later run of it measured further is joined to the first."""
    first: dict[tuple[object, ...], RunRecord] = {}
    for run in runs:
        key = (*setting_of(run).values(), seed_of(run), run.tags.get("fingerprint", ""))
        known = first.get(key)
        further = {} if known is None else {**known.further, run.id: run.blobs, **run.further}
        first[key] = run if known is None else _with(known, further)
    return list(first.values())


def setting_of(run: RunRecord) -> dict[str, str]:
    """What the run has in common with those it may be averaged with, by `SETTING`."""
    return {axis: run.tags.get(axis, "") for axis in SETTING} | {"source": _source(run)}


def _label_axes(axes: Sequence[str], run: RunRecord) -> dict[str, str]:
    return {axis: _label_axis(run, axis) for axis in axes}


def _label_axis(run: RunRecord, axis: str) -> str:
    """One of `LABELS`; the corruption seed is empty where labels are drawn by the training seed."""
    if axis in run.tags or axis == "fingerprint":
        return run.tags.get(axis, "")
    drawn = run.sheet.manifest.header.config.get(axis)
    return "" if drawn is None else str(drawn)


def seed_of(run: RunRecord) -> tuple[int, str]:
    """The training seed, to sort and compare by."""
    seed = run.tags.get("seed", "")
    return (int(seed), "") if seed.isdigit() else (-1, seed)


def setting_text(setting: Mapping[str, str]) -> str:
    """A setting as titles say it; what most runs share, such as the recipe, is left out."""
    limit = f" ({int(setting['limit']):,} images)" if setting["limit"] not in ("", "0") else ""
    protocol = "" if setting["protocol"] == "standard" else setting["protocol"]
    parts = [f"{setting['dataset']}{limit}", setting["corruption"], setting["model"], protocol]
    return ", ".join(filter(None, [*parts, f"{setting['epochs']} epochs"]))


def how_many(count: int, noun: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def differences(
    settings: Sequence[tuple[Mapping[str, str], RunRecord]],
    text: Callable[[Mapping[str, str]], str] = setting_text,
) -> list[str]:
    """For each setting in what it differs from the others that `text` says alike; empty where it is alone.

    Args:
        settings: each with a run that has it.
        text: what is said anyway.
    """
    found = []
    for setting, run in settings:
        same = [(other, theirs) for other, theirs in settings if text(other) == text(setting)]
        axes = [axis for axis in (*SETTING, *LABELS) if len({other.get(axis, "") for other, _ in same}) > 1]
        parts = (_difference(axis, setting, run, [theirs for _, theirs in same]) for axis in axes)
        found.append(", ".join(filter(None, parts)))
    return found


def older_definitions(runs: Iterable[RunRecord]) -> str:
    """A remark where runs of several definitions of scores were not averaged, with the way out."""
    versions = sorted({run.tags.get("scores_version", "") for run in runs})
    if len(versions) < 2:
        return ""
    said = ", ".join(version or "none" for version in versions)
    return (
        f"Runs made under different definitions of scores ({said}) are not averaged: train the older ones "
        "anew, or score the networks that they kept."
    )


def _by(
    runs: Iterable[RunRecord], key: Callable[[RunRecord], dict[str, str]]
) -> list[tuple[dict[str, str], list[RunRecord]]]:
    """Runs with equal keys together, in the order of the keys."""
    parts: dict[tuple[str, ...], tuple[dict[str, str], list[RunRecord]]] = {}
    for run in runs:
        own = key(run)
        parts.setdefault(tuple(own.values()), (own, []))[1].append(run)
    return [parts[values] for values in sorted(parts)]


def _with(run: RunRecord, further: Mapping[str, Any]) -> RunRecord:
    return RunRecord(run.id, run.name, run.tags, run.metrics, run.blobs, further)


def _source(run: RunRecord) -> str:
    """The clean images and what labels came from; of runs that did not say so, as far as can be told."""
    if "source" in run.tags or run.tags.get("corruption") == "none":
        return run.tags.get("source") or run.tags.get("fingerprint", "")
    content = hashlib.sha256()
    for values in run.read_by_id(["original_label"]).values():
        content.update(values.astype("<i8").tobytes())
    return content.hexdigest()


def _difference(axis: str, setting: Mapping[str, str], run: RunRecord, same: list[RunRecord]) -> str:
    """In what a setting differs along one axis, in words."""
    value = setting.get(axis, "")
    if axis == "recipe":
        return _recipe(run, same) or f"recipe {value}"
    if axis == "scores_version":
        return f"definitions of scores {value}" if value else "older definitions of scores"
    if axis == "corruption_seed":
        return f"labels drawn with seed {value}" if value else "labels drawn anew for each seed"
    noun = {"source": "data", "fingerprint": "labels"}.get(axis, axis)
    return f"{noun} {value[:8]}…" if axis in ("source", "fingerprint") else f"{noun} {value}"


def _recipe(run: RunRecord, same: list[RunRecord]) -> str:
    """The settings that differ between runs, as this one has them: `lr=0.01`."""
    configs = [other.sheet.manifest.header.config for other in same]
    mine = run.sheet.manifest.header.config
    names = [name for name in mine if name not in _APART]
    shown = [f"{name}={mine[name]}" for name in names if len({str(c.get(name)) for c in configs}) > 1]
    devices = {other.tags.get("device", "") for other in same}
    return ", ".join([*shown, *([f"on {run.tags.get('device', '')}"] if len(devices) > 1 else [])])
