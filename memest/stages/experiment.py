"""One of the paper's experiments, from nothing to its report: train, measure and analyse what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from memest.analysis import ANALYSES
from memest.analysis.queries import find_runs
from memest.config import build, option
from memest.errors import BusyError, MemestError, NoRunsError, SettingError, SweepError
from memest.stages.analyze import AnalyzeConfig, analyze
from memest.stages.common import look
from memest.stages.score import ScoreConfig, score
from memest.stages.sweep import Where, carry_through
from memest.stages.train import TrainConfig
from memest.stages.verdict import Verdict
from memest.sweep import Study, overrides_of, read_study, studies
from memest.tracking import bare, connect, home, several_runs


@dataclass(frozen=True)
class ExperimentConfig:
    """Everything an experiment can be told."""

    name: str = option("", "of the experiment, or the path of a YAML file like those", bare=True)
    scale: Literal["smoke", "small", "full"] = option(
        "smoke", "smoke: minutes on two cores; small: an hour or so; full: the paper's recipe"
    )
    set: str = option(
        "", "settings of every run, such as data=npz(path=mine.npz), epochs=5; may be repeated", repeated=True
    )
    where: Where = field(default_factory=Where)


def experiment(config: ExperimentConfig) -> Verdict:
    """Train what is missing, analyse all that is there, and say where the reports are.

    Runs that fail do not keep the others from being analysed.

    Raises:
        InputError: before anything is trained, if something asked for cannot be done.
    """
    if not config.name:
        raise SettingError(f"an experiment is needed: memest experiment {' | '.join(studies())}")
    study = read_study(config.name, config.scale, TrainConfig, overrides_of(config.set, TrainConfig))
    for analysis in study.analyses:
        ANALYSES.parse(analysis)
    build(ScoreConfig, study.score)
    with several_runs() as conclude:
        trained = _train(study, config)
        measured = _score(study, config.where.uri)
        parts, last, good = _analyses(study, config.where.uri)
        parts, good = [*measured, *parts], good and not measured
        if last:
            conclude(last)
    shown = f"all runs side by side: {look(bare(config.where.uri))} (experiment {study.sweep.experiment})"
    return Verdict("\n\n".join([*parts, trained.text, shown]), good and trained.good)


def _train(study: Study[TrainConfig], config: ExperimentConfig) -> Verdict:
    try:
        swept = carry_through(study.sweep, config.where, f"{study.name} {config.scale}")
    except (BusyError, SweepError) as error:
        return Verdict(str(error), good=isinstance(error, BusyError))
    return Verdict(swept.text, good=True)


def _score(study: Study[TrainConfig], uri: str) -> list[str]:
    """Measure the finished runs again, as the study wants it; what went wrong, in words."""
    said: list[str] = []
    if not study.score:
        return said
    client = connect(uri)
    try:
        runs = find_runs(client, study.sweep.experiment, {}, home() / "cache")
    except NoRunsError:
        return said  # training has said why
    for run in runs:
        try:
            score(build(ScoreConfig, {"run": run.id, "tracking": uri, **study.score}))
        except MemestError as error:
            said.append(f"run {run.id} was not measured again: {error}")
    return said


def _analyses(study: Study[TrainConfig], uri: str) -> tuple[list[str], str, bool]:
    """Every analysis: what it says, the run of the last one, and whether all could be made."""
    said, last, good = [], "", True
    for analysis in study.analyses:
        settings = {"experiment": study.sweep.experiment, "analysis": analysis, "tracking": uri}
        try:
            found = analyze(build(AnalyzeConfig, settings))
        except MemestError as error:
            said.append(f"{analysis} was not made: {error}")
            good = False
        else:
            said.append(f"{found.text}\n\n{analysis}: report, tables and figures are in run {found.run_id}")
            last = found.run_id
    return said, last, good
