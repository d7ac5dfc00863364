"""One of the paper's experiments, from nothing to its report: train, measure and analyse what is missing."""

from __future__ import annotations

import sys
from dataclasses import replace

from memest.analysis import ANALYSES
from memest.analysis.matched_runs import STANDARD
from memest.errors import BusyError, InputError, MemestError, SettingError, SweepError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.runs.possible import require_possible
from memest.stages.analyze import analyze
from memest.stages.config import AnalyzeConfig, ExperimentConfig, ScoreConfig
from memest.stages.score import score
from memest.sweep import Preset, overrides_of, presets, read_preset
from memest.sweep.console import Console
from memest.sweep.planning import plan_sweep
from memest.sweep.training import train_missing
from memest.tracking import look_at, several_runs
from memest.verdict import Verdict


def experiment(config: ExperimentConfig) -> Verdict:
    """Train what is missing, analyse all that is there, and say where the reports are.

    Runs that fail do not keep the others from being analysed.

    Raises:
        InputError: before anything is trained, if something asked for cannot be done.
    """
    if not config.name:
        raise SettingError(f"an experiment is needed: memest experiment {' | '.join(presets())}")
    preset = read_preset(config.name, config.scale, TrainConfig, overrides_of(config.set, TrainConfig))
    require_possible(preset.sweep.configs)
    for analysis in preset.analyses:
        ANALYSES.parse(analysis)
    build(ScoreConfig, {name: value for name, value in preset.score.items() if name != "grid"})
    config.where.spec()
    uri = config.where.uri
    with several_runs() as conclude:
        trained = _train(preset, config)
        missing, measured = _score(preset, uri)
        parts, last, analysed = _analyses(preset, uri)
        if last:
            conclude(last)
    shown = f"all runs side by side: {look_at(uri, preset.sweep.experiment)}"
    text = "\n\n".join([*missing, *parts, trained.text, shown])
    return Verdict(text, trained.good and measured and analysed)


def _train(preset: Preset[TrainConfig], config: ExperimentConfig) -> Verdict:
    try:
        title, where = f"{preset.name} {config.scale}", config.where
        swept = train_missing(preset.sweep, where.start, where.uri, title, Console(sys.stderr))
    except (BusyError, SweepError) as error:
        return Verdict(str(error), good=isinstance(error, BusyError))
    return Verdict(swept.text, good=True)


def _score(preset: Preset[TrainConfig], uri: str) -> tuple[list[str], bool]:
    """Measure the finished runs again, as the preset asks: what went wrong, and whether all is well.

    Runs that join the parts of a protocol keep no networks and are left alone.
    """
    if not preset.score:
        return [], True
    settings = {name: value for name, value in preset.score.items() if name != "grid"}
    grids = [grid for grid in preset.sweep.grids if preset.score.get("grid", grid.name) == grid.name]
    alone = [replace(g, configs=tuple(c for c in g.configs if c.protocol == STANDARD)) for g in grids]
    try:
        done = plan_sweep(replace(preset.sweep, grids=tuple(alone)), uri).done
    except InputError:
        return [], True  # nothing of it was trained, which training has said
    said, good = [], True
    for name, run in done.items():
        try:
            score(build(ScoreConfig, {**settings, "run": run, "tracking": uri}))
        except Exception as error:  # the package of an attack, torch and the file system share no base
            said.append(f"run {run} ({name}) was not measured again: {error}")
            good = good and isinstance(error, BusyError)
    return said, good


def _analyses(preset: Preset[TrainConfig], uri: str) -> tuple[list[str], str, bool]:
    """Every analysis: what it says, the run of the last one, and whether all could be made."""
    said, last, good = [], "", True
    for analysis in preset.analyses:
        settings = {"experiment": preset.sweep.experiment, "analysis": analysis, "tracking": uri}
        try:
            found = analyze(build(AnalyzeConfig, settings))
        except MemestError as error:
            said.append(f"{analysis} was not made: {error}")
            good = False
        else:
            said.append(f"{found.text}\n\n{analysis}: {found.place}")
            last = found.run_id
    return said, last, good
