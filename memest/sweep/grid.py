"""A grid file → configurations.

    experiment: mine
    base: {data: digits, epochs: 30}
    axes: {model: [tiny, resnet18(width=8)], seed: [1, 2, 3]}
    runs: [{lr: 0.1}, {lr: 0.01, momentum: 0.5}]

is twelve runs: every combination of the axes with every entry of `runs`. Axes or runs may be left out.
Several grids stand in a list under `grids`, each with its own `base`, `axes` and `runs` over the file's
`base`. An `optional` grid is left out, with its reason, where its dataset cannot be had.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from memest.errors import SettingError, UnknownNameError
from memest.grammar.config import build, flags
from memest.grammar.spec import split_list
from memest.grammar.strict_yaml import read_yaml

C = TypeVar("C")

_GRID = ("name", "optional", "base", "axes", "runs")
_FILE = ("about", "experiment", "grids", *_GRID)
_ELSEWHERE = ("experiment", "tracking")
"""Settings of a run that are those of the whole sweep."""


@dataclass(frozen=True)
class Grid(Generic[C]):
    """Configurations that belong together.

    Attributes:
        name: for people; empty if the file gives none.
        optional: may be left out where its dataset cannot be had.
        configs: each once, in the order of the file.
        repeated: how many more times the file asks for one that it asked for before.
    """

    name: str
    optional: bool
    configs: tuple[C, ...]
    repeated: int


@dataclass(frozen=True)
class Sweep(Generic[C]):
    """All grids of a file, and the MLflow experiment of their runs."""

    experiment: str
    grids: tuple[Grid[C], ...]

    @property
    def configs(self) -> Iterator[C]:
        """Configurations of all grids."""
        return (config for grid in self.grids for config in grid.configs)

    @property
    def repeated(self) -> int:
        """Configurations that the file names again."""
        return sum(grid.repeated for grid in self.grids)


def read_sweep(path: Path, kind: Callable[..., C]) -> Sweep[C]:
    """The sweep that a YAML file describes.

    Args:
        path: of the file.
        kind: the configuration class.

    Raises:
        InputError: no such file, not strict YAML, nothing in it, or something in it that there is not.
    """
    return sweep_of(read_yaml(path, "grid file"), kind, path.name, experiment=path.stem)


def sweep_of(
    content: Mapping[str, Any],
    kind: Callable[..., C],
    where: str,
    experiment: str,
    overrides: Mapping[str, Any] | None = None,
) -> Sweep[C]:
    """The sweep that a mapping describes.

    Args:
        content: as read from YAML.
        kind: the configuration class.
        where: names the mapping in errors.
        experiment: used unless the mapping names one.
        overrides: settings that hold for every run, whatever the mapping says.

    Raises:
        InputError: see `read_sweep`.
    """
    known("part", content, _FILE, where)
    if not content.keys() & {"base", "axes", "runs", "grids"}:
        raise SettingError(f"{where} asks for nothing: it needs base, axes, runs or grids")
    if "grids" in content and ("axes" in content or "runs" in content):
        raise SettingError(f"{where}: axes and runs stand in each of the grids, or there are no grids")
    base = mapping(content.get("base"), f"{where}: base", "setting: value")
    experiment = str(content.get("experiment", experiment))
    own = {"experiment": experiment} | dict(overrides or {})
    parts = content.get("grids", [{name: content[name] for name in _GRID if name in content}])
    seen: set[C] = set()
    grids = [
        _grid(mapping(part, f"{where}: a grid", "base, axes and runs"), kind, base, own, where, seen)
        for part in as_list(parts, f"{where}: grids", "- axes: …")
    ]
    return Sweep(experiment, tuple(grids))


def overrides_of(text: str, kind: type[Any]) -> dict[str, str]:
    """`data=npz(path=mine.npz), epochs=5` as a mapping.

    Raises:
        InputError: not `setting=value`, no such setting, or one named twice.
    """
    given: dict[str, str] = {}
    for part in split_list(text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise SettingError(f"--set takes setting=value, …, not {part!r}")
        if name in given:
            raise SettingError(f"--set names {name} twice")
        given[name] = value
    _settings(given, kind, "--set")
    return given


def _grid(
    part: Mapping[str, Any],
    kind: Callable[..., C],
    base: Mapping[str, Any],
    own: Mapping[str, Any],
    where: str,
    seen: set[C],
) -> Grid[C]:
    """One grid; `seen` holds the configurations before it, and takes its own."""
    known("part of a grid", part, _GRID, where)
    base = dict(base) | mapping(part.get("base"), f"{where}: base", "setting: value")
    optional = part.get("optional", False)
    if not isinstance(optional, bool):
        raise SettingError(f"{where}: optional is true or false, not {optional!r}")
    kept: list[C] = []
    repeated = 0
    for settings in _combinations(part, kind, base, where):
        config = build(kind, settings | dict(own))
        repeated += config in seen
        if config not in seen:
            seen.add(config)
            kept.append(config)
    return Grid(str(part.get("name", "")), optional, tuple(kept), repeated)


def _combinations(
    part: Mapping[str, Any], kind: Callable[..., Any], base: Mapping[str, Any], where: str
) -> Iterator[dict[str, Any]]:
    """The settings of every run of a grid."""
    axes = mapping(part.get("axes"), f"{where}: axes", "setting: [values]")
    runs = part.get("runs", [{}])
    _settings(base, kind, f"{where}: base")
    _settings(axes, kind, f"{where}: axes", "axis")
    values = [as_list(axes[name], f"{where}: axis {name}", f"{name}: [1, 2]") for name in axes]
    for entry in as_list(runs, f"{where}: runs", "- setting: value"):
        run = mapping(entry, f"{where}: an entry of runs", "setting: value")
        _settings(run, kind, f"{where}: runs")
        if both := sorted(run.keys() & axes.keys()):
            raise SettingError(f"{where}: {both[0]} is an axis and stands in runs; one of them has to go")
        for combination in itertools.product(*values):
            yield {**base, **run, **dict(zip(axes, combination, strict=True))}


def _settings(given: Mapping[str, Any], kind: Callable[..., Any], where: str, noun: str = "setting") -> None:
    """Refuse what is no setting of a run, or one of the whole sweep."""
    for name in given:
        if name in _ELSEWHERE:
            raise SettingError(f"{where}: {name} holds for the whole sweep and cannot be set for single runs")
    names = [name for name in flags(kind) if name not in _ELSEWHERE]  # type: ignore[arg-type]  # as in build
    known(noun, given, names, where)


def known(noun: str, given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    """Refuse a mapping with other names.

    Raises:
        UnknownNameError: the first of them, with the nearest that there is.
    """
    for name in given:
        if name not in names:
            raise UnknownNameError(f"{noun} of {where}", str(name), names)


def mapping(content: Any, where: str, expected: str) -> dict[str, Any]:
    """`content` as a mapping; what is left out is empty.

    Raises:
        SettingError: it is something else.
    """
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingError(f"{where} must be a mapping ({expected}), not {content!r}")
    return content


def as_list(content: Any, where: str, expected: str) -> list[Any]:
    """`content` as a list.

    Raises:
        SettingError: it is something else, or empty.
    """
    if not isinstance(content, list):
        raise SettingError(f"{where} must be a list ({expected}), not {content!r}")
    if not content:
        raise SettingError(f"{where} is empty: that is a grid without runs; leave it out, or say {expected}")
    return content
