"""Grid files: what they become, and what is refused before anything runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from memest.analysis import ANALYSES
from memest.cli import COMMANDS, main
from memest.errors import DataError, InputError, SettingError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.runs.device import choose_device
from memest.stages.experiment import ExperimentConfig
from memest.sweep import SCALES, Grid, Sweep, overrides_of, planning, presets, read_preset, read_sweep
from memest.sweep.grid import sweep_of
from memest.sweep.preset import FOLDER
from memest.sweep.training import train_arguments


def read(text: str, **overrides: Any) -> Sweep[TrainConfig]:
    """The sweep that YAML text describes."""
    return sweep_of(yaml.safe_load(text), TrainConfig, "grid.yaml", "grid", overrides)


def pairs(grid: Grid[TrainConfig]) -> list[tuple[str, int, float]]:
    """What the grids here vary."""
    return [(config.model, config.seed, config.recipe.lr) for config in grid.configs]


def test_axes_and_runs_multiply() -> None:
    """Every entry of `runs` meets every combination of the axes, in the order of the file."""
    (grid,) = read(
        "{base: {epochs: 3, lr: 0.5}, axes: {model: [tiny, tiny(width=4)], seed: [1, 2]}, "
        "runs: [{lr: 0.1}, {momentum: 0.5}]}"
    ).grids
    models = ["tiny(width=16)", "tiny(width=4)"]
    assert pairs(grid) == [(m, s, lr) for lr in (0.1, 0.5) for m in models for s in (1, 2)]
    assert {config.recipe.epochs for config in grid.configs} == {3}
    assert [config.recipe.momentum for config in grid.configs] == 4 * [0.9] + 4 * [0.5]


def test_a_list_of_runs_needs_no_axes() -> None:
    """`runs` alone is the list itself; values are read as on the command line."""
    (grid,) = read("runs: [{seed: '7', lr: 1e-2}, {seed: 8, corruption: symmetric_noise(rate=0.05)}]").grids
    assert pairs(grid) == [("tiny(width=16)", 7, 0.01), ("tiny(width=16)", 8, 0.1)]


def test_several_grids_share_the_base_of_the_file() -> None:
    """A grid's own base goes before the file's; one experiment holds all."""
    wanted = read(
        "{experiment: mine, base: {epochs: 3, seed: 4}, "
        "grids: [{name: a, axes: {lr: [0.1]}}, {base: {seed: 5}, runs: [{}], optional: true}]}"
    )
    first, second = wanted.grids
    assert (first.configs[0].seed, second.configs[0].seed) == (4, 5)
    assert {grid.configs[0].recipe.epochs for grid in wanted.grids} == {3}
    assert {config.experiment for grid in wanted.grids for config in grid.configs} == {"mine"}
    assert (first.name, first.optional, second.optional) == ("a", False, True)


def test_a_configuration_asked_for_twice_is_there_once() -> None:
    """However it is spelled, and in whichever grid it stands again; the repeats are counted."""
    wanted = read(
        "grids: [{axes: {model: [tiny, tiny(width=16)], seed: [1, 1]}}, {runs: [{seed: 1}, {seed: 2}]}]"
    )
    assert [len(grid.configs) for grid in wanted.grids] == [1, 1]
    assert wanted.repeated == 4


def test_overrides_hold_for_every_run() -> None:
    """`--set` goes before base, axes and runs, so that an axis set by hand has one value left."""
    given = overrides_of("data=npz(path='a,b.npz'), seed=3", TrainConfig)
    (grid,) = read("{base: {data: digits}, axes: {seed: [1, 2], lr: [0.1, 0.2]}}", **given).grids
    assert {config.data for config in grid.configs} == {"npz(path='a,b.npz', holdout=0.0)"}
    assert [(config.seed, config.recipe.lr) for config in grid.configs] == [(3, 0.1), (3, 0.2)]
    assert grid.repeated == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("axes: {seed: []}", "axis seed is empty"),
        ("runs: []", "runs is empty"),
        ("grids: []", "grids is empty"),
        ("axes: {sede: [1]}", r"unknown axis of grid\.yaml: axes 'sede'; did you mean 'seed'"),
        ("base: {modle: tiny}", "did you mean 'model'"),
        ("runs: [{lrr: 1}]", "did you mean 'lr'"),
        ("axis: {seed: [1]}", "did you mean 'axes'"),
        ("axes: {seed: 1}", "axis seed must be a list .* not 1"),
        ("axes: [seed]", "axes must be a mapping"),
        ("runs: [3]", "an entry of runs must be a mapping"),
        ("{axes: {seed: [1]}, runs: [{seed: 2}]}", "seed is an axis and stands in runs"),
        ("{axes: {seed: [1]}, grids: [{}]}", "axes and runs stand in each of the grids"),
        ("base: {experiment: x}", "experiment holds for the whole sweep"),
        ("base: {tracking: off}", "tracking holds for the whole sweep"),
        ("axes: {seed: [one]}", "--seed must be a whole number"),
        ("axes: {data: [digitz]}", "did you mean 'digits'"),
        ("axes: {lr: [-1]}", "--lr must be a number above 0"),
        ("grids: [{optional: maybe}]", "optional is true or false"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    """Nothing runs; the error says which part of the file, and what was probably meant."""
    with pytest.raises(InputError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("content", "message"), [("a: [", "is not YAML"), ("- 1", "must be a mapping"), (None, "no grid file")]
)
def test_a_file_that_is_no_grid_is_refused(content: str | None, message: str) -> None:
    """No such file, no YAML, no mapping."""
    if content is not None:
        Path("grid.yaml").write_text(content)
    with pytest.raises(SettingError, match=message):
        read_sweep(Path("grid.yaml"), TrainConfig)


@pytest.mark.parametrize("text", ["seed", "seed=", "seed=1, seed=2", "sede=1", "experiment=x", "=1"])
def test_overrides_that_mean_nothing_are_refused(text: str) -> None:
    """A setting and its value, each once, and only a run's own."""
    with pytest.raises(InputError):
        overrides_of(text, TrainConfig)


def test_the_command_of_a_run_says_all_of_it() -> None:
    """The words that a process gets are read back as the very same configuration."""
    unusual = {"corruption_seed": None, "lr": 1e-05, "deterministic": False, "max_overhead": 0.1}
    texts = {"data": "npz(path='my file.npz')", "scores": "loss, curvature(probes=2)", "experiment": "a b"}
    config = build(TrainConfig, unusual | texts)
    words = train_arguments(config)
    assert words[:2] == ["memest", "train"]
    given = dict(re.fullmatch(r"--([\w-]+)=(.*)", word).groups() for word in words[2:])  # type: ignore[union-attr]
    assert build(TrainConfig, {name.replace("-", "_"): value for name, value in given.items()}) == config


def test_another_file_under_the_same_name_is_another_run() -> None:
    """A dataset that was replaced is not taken for the one that was trained on."""
    rng = np.random.default_rng(0)
    config = build(TrainConfig, {"data": "npz(path=mine.npz)", "epochs": 1})
    keys = set()
    for _ in range(2):
        np.savez("mine.npz", images=rng.integers(0, 255, (60, 8, 8), np.uint8), labels=np.arange(60) % 3)
        keys |= set(planning.run_keys([config]).values())
    assert len(keys) == 2


def test_an_optional_grid_is_left_out_with_its_reason(store_uri: str) -> None:
    """Where its dataset cannot be had; another grid's missing dataset is an error."""
    text = (
        "grids: [{{axes: {{seed: [1, 2]}}}}, {{name: big, base: {{data: npz(path=no.npz)}}, optional: {}}}]"
    )
    found = planning.plan_sweep(read(text.format("true")), store_uri)
    assert list(found.todo) == ["seed=1", "seed=2"]
    assert re.match(r"big is left out: there is no file no\.npz", found.remarks[0])
    with pytest.raises(DataError, match=r"no\.npz"):
        planning.plan_sweep(read(text.format("false")), store_uri)


def test_a_sweep_of_which_all_is_left_out_is_refused(store_uri: str) -> None:
    """There is nothing to train, and why is said."""
    with pytest.raises(InputError, match=r"every grid was left out; .*no\.npz"):
        planning.plan_sweep(read("{base: {data: npz(path=no.npz)}, optional: true}"), store_uri)


def test_settings_that_change_no_number_make_no_other_run(store_uri: str) -> None:
    """Two configurations of one key are one run."""
    found = planning.plan_sweep(read("axes: {device: [auto, cpu], seed: [1]}"), store_uri)
    if choose_device("auto").type != "cpu":
        pytest.skip("there is a GPU here")
    assert len(found.todo) == 1
    assert "more than once" in found.remarks[0]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", presets())
def test_the_packaged_experiments_can_be_read(name: str, scale: str) -> None:
    """Each at each scale is a sweep of known settings without repeats."""
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    if scale not in content["scales"]:
        assert scale in ("small", "medium")
        return
    needs = content["scales"][scale].get("needs", {})
    preset = read_preset(name, scale, TrainConfig, dict.fromkeys(needs, "digits"))
    assert preset.sweep.repeated == 0
    assert preset.sweep.experiment == content["scales"][scale].get("experiment", f"{name}-{scale}")
    assert all(grid.configs for grid in preset.sweep.grids)
    if scale == "full":
        assert {c.recipe.epochs for grid in preset.sweep.grids for c in grid.configs} == {200}


@pytest.mark.parametrize("name", ["leak_audit", "similarity"])
def test_an_experiment_that_reads_the_runs_of_another_asks_for_no_others(name: str) -> None:
    """Where a scale names the experiment of another, every run of it is one of that other's."""
    own, theirs = (
        read_preset(one, "medium", TrainConfig, {"data": "npz(path=cifar100.npz)"}).sweep
        for one in (name, "mislabeled")
    )
    assert own.experiment == theirs.experiment
    runs, known = ({config for grid in one.grids for config in grid.configs} for one in (own, theirs))
    assert runs
    assert runs <= known


def test_mislabeled_is_the_grid_of_the_paper() -> None:
    """Two datasets, four rates, three seeds, three protocols; and labels that people gave, three seeds."""
    preset = read_preset("mislabeled", "full", TrainConfig, {})
    assert [len(grid.configs) for grid in preset.sweep.grids] == [24, 24, 24, 3]


@pytest.mark.parametrize("name", presets())
def test_an_experiment_names_analyses_that_there_are(name: str) -> None:
    """A report that cannot be made is noticed before a week of training."""
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    named = {*content["analyses"], *(a for s in content["scales"].values() for a in s.get("analyses", ()))}
    assert {ANALYSES.parse(analysis).name for analysis in named} <= set(ANALYSES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "theorie"}, "did you mean 'theory'"),
        ({"name": "galleries", "scale": "small"}, r"needs --set data=…: npz\(path=…\) of CIFAR-100"),
        ({"name": "no.yaml"}, r"unknown experiment 'no\.yaml', and no file"),
        ({"name": "mine.yaml", "scale": "small"}, "unknown scale of mine 'small'"),
        ({"name": "odd.yaml"}, "did you mean 'smoke'"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused(settings: dict[str, str], message: str) -> None:
    """Unknown names, scales that a file lacks, and a file that only the caller has."""
    Path("mine.yaml").write_text("{analyses: [detection], scales: {smoke: {runs: [{}]}}}")
    Path("odd.yaml").write_text("{analyses: [detection], scales: {smok: {runs: [{}]}}}")
    config = build(ExperimentConfig, settings)
    with pytest.raises(InputError, match=message):
        read_preset(config.name, config.scale, TrainConfig, {})


def test_a_name_is_given_without_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """`memest sweep no.yaml` is `memest sweep --file no.yaml`; repeated --set are joined."""
    assert {"sweep", "experiment"} <= COMMANDS.keys()
    assert main(["sweep", "no.yaml"]) == 2
    assert "no grid file no.yaml" in capsys.readouterr().err
    assert main(["sweep"]) == 2
    assert "memest sweep grid.yaml" in capsys.readouterr().err
    assert main(["experiment", "galleries", "--set", "seed=1", "--set", "seed=2"]) == 2
    assert "names seed twice" in capsys.readouterr().err
    assert main(["sweep", "grid.yaml", "--engine", "locl"]) == 2
    assert "did you mean 'local'" in capsys.readouterr().err


def test_only_a_cluster_has_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    """--address with the local engine is refused, and no file is made."""
    Path("grid.yaml").write_text("runs: [{}]")
    assert main(["sweep", "grid.yaml", "--address", "host:6379"]) == 2
    assert "--address means nothing to --engine local; add --engine ray" in capsys.readouterr().err
    assert [path.name for path in Path.cwd().iterdir()] == ["grid.yaml"]


def test_a_budget_is_no_duplicate_of_no_budget() -> None:
    """What it chooses is not known yet, so it is planned by itself and never counts as done."""
    base = {"data": "digits", "limit": 200, "epochs": 2}
    configs = [build(TrainConfig, base | more) for more in ({}, {"max_overhead": 0.1}, {"max_overhead": 0.9})]
    assert len(set(planning.run_keys(configs).values())) == 3


@pytest.mark.parametrize("text", ["", "experiment: only\n"])
def test_a_file_that_asks_for_nothing_is_refused(text: str) -> None:
    """Not taken for one run with every setting at its default."""
    Path("grid.yaml").write_text(text)
    with pytest.raises(SettingError, match="asks for nothing"):
        read_sweep(Path("grid.yaml"), TrainConfig)
