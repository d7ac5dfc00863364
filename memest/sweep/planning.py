"""Compute the keys of the runs of a sweep without training, to skip those that are finished.

Every dataset is loaded once and every set of labels made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from memest.data import CORRUPTIONS, SETS
from memest.errors import DataError, InputError
from memest.grammar.config import flatten
from memest.grammar.registry import Registry
from memest.models import MODELS
from memest.runs.config import TrainConfig
from memest.runs.device import choose_device
from memest.runs.prepare import Prepared, data_and_labels, prepare
from memest.sweep.grid import Sweep
from memest.tracking import connect, sealed_runs


@dataclass(frozen=True)
class SweepPlan:
    """What there is to do.

    Attributes:
        todo: by name, the configurations that no finished run has.
        done: by name, the finished run of each of the others.
        remarks: what was left out or asked for twice, a line each.
    """

    todo: Mapping[str, TrainConfig]
    done: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Configurations in all."""
        return len(self.todo) + len(self.done)


def plan_sweep(sweep: Sweep[TrainConfig], uri: str) -> SweepPlan:
    """The configurations of a sweep, those apart that a finished run on the server has already.

    Raises:
        InputError: a dataset cannot be had, labels cannot be damaged as asked, or nothing is left to train.
    """
    keys, remarks = _keys(sweep)
    if not keys:
        raise InputError("; ".join(["every grid was left out", *remarks]))
    keys, same = _once(keys)
    repeated = sweep.repeated + same
    if repeated:
        remarks.append(f"{repeated} configurations are asked for more than once: each is run once")
    sealed = sealed_runs(connect(uri), sweep.experiment, "train")
    names = dict(zip(keys, _names(list(keys)), strict=True))
    done = {names[config]: sealed[key] for config, key in keys.items() if key in sealed}
    todo = {names[config]: config for config, key in keys.items() if key not in sealed}
    return SweepPlan(todo, done, tuple(remarks))


def _keys(sweep: Sweep[TrainConfig]) -> tuple[dict[TrainConfig, str], list[str]]:
    """Key by configuration, and why optional grids were left out."""
    keys: dict[TrainConfig, str] = {}
    remarks: list[str] = []
    for number, grid in enumerate(sweep.grids, start=1):
        try:
            keys |= run_keys(grid.configs)
        except DataError as error:
            if not grid.optional:
                raise
            remarks.append(f"{grid.name or f'grid {number}'} is left out: {error}")
    return keys, remarks


def run_keys(configs: Iterable[TrainConfig]) -> dict[TrainConfig, str]:
    """The key that training gives each configuration, in their order.

    A configuration with a budget has a key of its own here, which no finished run has: a run is keyed by the
    epochs and probes that the budget allows, which are chosen by measuring where it is trained.

    Raises:
        InputError: something that was asked for cannot be done.
    """
    configs = list(configs)
    keys: dict[TrainConfig, str] = {}
    prepared: Prepared | None = None
    for config in sorted(configs, key=data_and_labels):
        prepared = prepare(config, device=_device(config), earlier=prepared)
        keys[config] = prepared.key
    return {config: keys[config] for config in configs}


def _device(config: TrainConfig) -> torch.device:
    """Where it will train, as far as can be said here: a cluster may have the GPU that this machine lacks."""
    return torch.device("cuda") if config.device == "cuda" else choose_device(config.device)


def _once(keys: Mapping[TrainConfig, str]) -> tuple[dict[TrainConfig, str], int]:
    """One configuration for each key, and how many were dropped: they differ in what changes no number."""
    first: dict[str, TrainConfig] = {}
    for config, key in keys.items():
        first.setdefault(key, config)
    return {config: key for key, config in first.items()}, len(keys) - len(first)


def _names(configs: Sequence[TrainConfig]) -> list[str]:
    """What sets each configuration apart from the others: `model=tiny, seed=1`."""
    settings = [flatten(config) for config in configs]
    varied = [name for name in settings[0] if len({str(flat[name]) for flat in settings}) > 1]
    return [
        ", ".join(f"{name}={_shown(name, flat[name])}" for name in varied) or "the run" for flat in settings
    ]


def _shown(name: str, value: Any) -> str:
    """A setting as people write it: specs without the keywords at their defaults."""
    registries: dict[str, Registry[Any]] = {"data": SETS, "model": MODELS, "corruption": CORRUPTIONS}
    return registries[name].short(value) if name in registries else str(value)
