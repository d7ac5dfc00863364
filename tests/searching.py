"""What tests of searches share: a search, its study, and the runs that came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
from mlflow import MlflowClient

from memest.grammar.config import build
from memest.stages import tune

SHORT = {
    "corruption": "symmetric_noise(rate=0.1)",
    "limit": 200,
    "epochs": 2,
    "batch_size": 32,
    "scores": "loss",
}


def search(tracked: dict[str, Any], **settings: Any) -> str:
    """What a search says at its end."""
    usual = {"space": "lr=log(0.003, 0.3)", "trials": 3, "sampler": "random", "study": "s"}
    return tune.tune(build(tune.TuneConfig, usual | tracked | settings))


def study(name: str = "s") -> optuna.Study:
    """The study as Optuna itself reads it."""
    return optuna.load_study(study_name=name, storage=f"sqlite:///{Path('.memest/studies.db').absolute()}")


def runs(client: MlflowClient, tracked: dict[str, Any], stage: str = "train") -> list[Any]:
    """The runs of one stage, oldest first."""
    experiment = client.get_experiment_by_name(tracked["experiment"]).experiment_id
    query = f"tags.`memest.stage` = '{stage}'"
    return list(client.search_runs([experiment], query, order_by=["attributes.start_time"]))
