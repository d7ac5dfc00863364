"""Experiment presets: one grid for each of its scales, and the analyses that follow.

    about: what it asks
    analyses: [detection]
    scales:
      smoke: {base: {data: digits}, axes: {seed: [1, 2]}}
      full: {needs: {data: "npz(path=…) with …"}, axes: {seed: [1, 2, 3]}}

A scale is a grid file of its own; `needs` names settings that only the caller knows, `score` what is measured
of the finished runs, as `memest score` does, and `analyses` others than those of the experiment. The files
lie in `memest/experiments`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from memest.errors import SettingError, UnknownNameError
from memest.grammar.strict_yaml import read_yaml
from memest.sweep.grid import Sweep, as_list, known, mapping, sweep_of

C = TypeVar("C")

FOLDER = Path(__file__).parents[1] / "experiments"
SCALES = ("smoke", "small", "medium", "full")
_PRESET = ("about", "analyses", "scales")
_OWN = ("needs", "analyses", "score")


@dataclass(frozen=True)
class Preset(Generic[C]):
    """An experiment at one scale.

    Attributes:
        name: of the experiment.
        about: what it asks, in one sentence.
        sweep: its runs.
        analyses: specs, in the order in which they are made.
        score: settings of `memest score` for every finished run, or those of the `grid` it names; empty if
            nothing is measured again.
    """

    name: str
    about: str
    sweep: Sweep[C]
    analyses: tuple[str, ...]
    score: Mapping[str, Any]


def presets() -> list[str]:
    """The names of the experiments that come with memest."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def preset_file(name: str) -> Path:
    """The file of an experiment, by its name or by its path.

    Raises:
        UnknownNameError: there is neither an experiment nor a file of that name.
    """
    if name in presets():
        return FOLDER / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")) and Path(name).is_file():
        return Path(name)
    raise UnknownNameError("experiment", name, presets(), Path(name))


def read_preset(name: str, scale: str, kind: Callable[..., C], overrides: Mapping[str, Any]) -> Preset[C]:
    """An experiment at one scale.

    Args:
        name: of one that comes with memest, or the path of a YAML file.
        scale: one of its scales.
        kind: the configuration class.
        overrides: settings of every run.

    Raises:
        InputError: there is no such experiment or scale, something it needs is not given, or its file is
            not as it should be.
    """
    path = preset_file(name)
    content, where = read_yaml(path, "grid file"), f"{path.name}: scale {scale}"
    known("part", content, _PRESET, path.name)
    scales = mapping(content.get("scales"), f"{path.name}: scales", "smoke, small, medium and full")
    known("scale", scales, SCALES, path.name)
    if scale not in scales:
        raise UnknownNameError(f"scale of {path.stem}", scale, scales)
    grid = mapping(scales[scale], where, "base, axes and runs")
    for setting, what in mapping(grid.get("needs"), f"{where}: needs", "setting: what it is").items():
        if setting not in overrides:
            raise SettingError(f"{path.stem} at scale {scale} needs --set {setting}=…: {what}")
    analyses = as_list(grid.get("analyses", content.get("analyses")), f"{where}: analyses", "- detection")
    own = {part: value for part, value in grid.items() if part not in _OWN}
    sweep = sweep_of(own, kind, where, f"{path.stem}-{scale}", overrides)
    again = mapping(grid.get("score"), f"{where}: score", "scores and epochs")
    grids = [grid.name for grid in sweep.grids]
    if again.get("grid", grids[0]) not in grids:
        raise UnknownNameError(f"grid of {path.stem}", str(again["grid"]), grids)
    if given := {"run", "tracking"} & set(again):
        raise SettingError(f"{where}: score is of all finished runs; leave out {', '.join(sorted(given))}")
    return Preset(path.stem, str(content.get("about", path.stem)), sweep, tuple(map(str, analyses)), again)
