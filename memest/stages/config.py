"""What the commands that need torch can be told. It is importable without: a typo is answered at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from memest.data import CORRUPTIONS, SETS
from memest.errors import SettingError
from memest.grammar.config import one, option
from memest.grammar.registry import Registry, keyword_parameters
from memest.grammar.spec import Spec
from memest.grammar.values import Count, Index, Share
from memest.recipe import Recipe
from memest.runs.config import (
    EXPERIMENT,
    TRACKING_OR_OFFLINE,
    Device,
    TrainConfig,
    epochs_text,
    experiment_text,
    models,
    scores_text,
)
from memest.sweep import ENGINES
from memest.tracking import server_uri
from memest.tune import PRUNERS, SAMPLERS, space_text

if TYPE_CHECKING:
    from memest.sweep import Engine

TRACKING = option(
    "auto", "MLflow tracking URI; auto: MLFLOW_TRACKING_URI, else sqlite", key=False, shown="URI"
)


def analyses() -> Registry[Any]:
    """The registry of analyses, the paper's among them."""
    from memest.analysis import ANALYSES
    from memest.paper import analyses as analyses

    return ANALYSES


@dataclass(frozen=True)
class ScoreConfig:
    """Everything a scoring run can be told."""

    run: str = option("", "id of the finished training run to measure", shown="RUN", needed=True)
    scores: str = option("logits, input_gradient", "scores to measure", read=scores_text, shown="SPEC,…")
    epochs: str = option(
        "all",
        "epochs to measure: all that were kept, last, or a list such as 0, 10, 20",
        read=epochs_text,
        shown="EPOCH,…",
    )
    device: Device = option("auto", "where to measure", key=False)
    tracking: str = TRACKING


@dataclass(frozen=True)
class AnalyzeConfig:
    """Everything an analysis can be told."""

    experiment: str = option(
        "auto",
        "MLflow experiment to query; auto: MLFLOW_EXPERIMENT_ID or _NAME, else memest",
        read=experiment_text,
        shown="NAME",
    )
    analysis: str = option("detection", "which analysis", read=one(analyses))
    where: str = option("", "only runs with these axes, such as: model=tiny, seed=1", shown="AXIS=VALUE,…")
    tracking: str = TRACKING


@dataclass(frozen=True)
class RetrainConfig:
    """Everything an estimate of memorization can be told."""

    data: str = option("digits", "dataset spec", read=one(SETS))
    limit: Index = option(0, "train on this many images, class shares kept; 0: all")
    corruption: str = option("none", "damage to the labels", read=one(CORRUPTIONS))
    corruption_seed: Index | None = option(None, "seed of the corruption alone; none: that of the run")
    model: str = option("tiny", "network spec", read=one(models))
    seed: Index = option(0, "seed of subsets, weights, order and augmentation")
    recipe: Recipe = field(default_factory=Recipe)
    networks: Count = option(300, "how many networks are trained")
    share: Share = option(0.7, "share of the examples that each is trained on")
    into: str = option(
        "memorization.npz",
        "the file that similarity(reference=values_file(path=…)) reads",
        key=False,
        shown="FILE",
    )
    device: Device = option("auto", "where to train", key=False)
    experiment: str = EXPERIMENT
    tracking: str = TRACKING_OR_OFFLINE


@dataclass(frozen=True)
class Where:
    """Where runs are executed and tracked."""

    engine: str = option("local", "local, or ray(cpus=1.0, gpus=0.0)", read=one(ENGINES))
    jobs: Index = option(0, "runs at a time; 0: one for each GPU, else one for each core")
    address: str = option(
        "", "of a Ray cluster that runs, such as host:6379; only for --engine ray", shown="HOST:PORT"
    )
    tracking: str = TRACKING

    def start(self) -> Engine:
        """The engine, ready.

        Raises:
            InputError: it cannot be had.
        """
        import torch

        engine: Engine = ENGINES.call(self.spec(), torch.cuda.device_count())
        return engine

    def spec(self) -> Spec:
        """The engine with the keywords that have flags of their own.

        Raises:
            InputError: it has no such keyword, or no such flag means anything to it.
        """
        more: dict[str, Any] = {"jobs": self.jobs} if self.jobs else {}
        more |= {"address": self.address} if self.address else {}
        given = Spec.parse(self.engine)
        for name in more:
            if name not in keyword_parameters(ENGINES[given.name]):
                raise SettingError(f"--{name} means nothing to --engine {given.name}; add --engine ray")
        return ENGINES.parse(Spec(given.name, tuple((given.settings | more).items())))

    @property
    def uri(self) -> str:
        """The tracking server's.

        Raises:
            SettingError: tracking is off.
        """
        return server_uri(self.tracking)


@dataclass(frozen=True)
class SweepConfig:
    """Everything a sweep can be told."""

    file: str = option(
        "", "grid file, YAML: experiment, base, axes, runs", bare=True, shown="FILE", needed=True
    )
    where: Where = field(default_factory=Where)


@dataclass(frozen=True)
class ExperimentConfig:
    """Everything an experiment can be told."""

    name: str = option(
        "", "of the experiment, or the path of a YAML file like those", bare=True, shown="NAME", needed=True
    )
    scale: Literal["smoke", "small", "medium", "full"] = option(
        "smoke",
        "smoke: minutes on two cores; small: an hour; medium: all images, hours; full: the paper's recipe",
    )
    set: str = option(
        "",
        "settings of every run, such as data=npz(path=mine.npz), epochs=5; may be repeated",
        repeated=True,
        shown="SETTING=VALUE,…",
    )
    where: Where = field(default_factory=Where)


@dataclass(frozen=True)
class TuneConfig:
    """Everything a search can be told: its own settings, and those of the runs that are not varied."""

    space: str = option(
        "",
        "what to vary, such as: lr=log(0.01, 0.3), epochs=int(5, 50); or a YAML file",
        read=space_text,
        shown="SETTING=RANGE,…",
        needed=True,
    )
    objectives: str = option(
        "accuracy", "one or two of accuracy, cost, scoring_cost, auroc/<summary>, average_precision/<summary>"
    )
    trials: Count = option(20, "trials in all, those of earlier and other workers counted")
    sampler: str = option("tpe", "Optuna's sampler: tpe, random, nsgaii or gp", read=one(SAMPLERS))
    pruner: str = option("none", "Optuna's pruner: none, median or hyperband", read=one(PRUNERS))
    search_seed: Index = option(0, "seed of the sampler")
    study: str = option("auto", "name of the study; auto: one for each space, objectives and fixed settings")
    storage: str = option(
        "auto",
        "database of the study, as SQLAlchemy has it; auto: studies.db in .memest",
        key=False,
        shown="URL",
    )
    run: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class DemoConfig:
    """Everything the demo can be told."""

    experiment: str = option(
        "demo", "MLflow experiment; all that is in it is analysed", read=experiment_text, shown="NAME"
    )
