"""Who made a run, with what: the tags that fill the columns of MLflow's UI."""

from __future__ import annotations

import getpass

from memest.version import commit


def origin_tags(stage: str) -> dict[str, str]:
    """MLflow's own tags for user, source and, where memest runs from its repository, commit.

    Not for a run that `mlflow run` made: it has them already.
    """
    tags = {"mlflow.source.name": f"memest {stage}", "mlflow.source.type": "LOCAL"}
    return tags | _user() | ({"mlflow.source.git.commit": commit()} if commit() else {})


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return {}
