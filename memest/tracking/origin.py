"""Who made a run, with what: the tags that fill the columns of MLflow's UI."""

from __future__ import annotations

import getpass
import subprocess
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def origin_tags(stage: str) -> dict[str, str]:
    """MLflow's own tags for user, source and, where memest runs from its repository, commit.

    Not for a run that `mlflow run` made: it has them already.
    """
    tags = {"mlflow.source.name": f"memest {stage}", "mlflow.source.type": "LOCAL"}
    return tags | _user() | _commit()


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return {}


@cache
def _commit() -> dict[str, str]:
    if not (_ROOT / ".git").exists():  # installed; perhaps inside somebody else's repository
        return {}
    try:
        command = ["git", "-C", str(_ROOT), "rev-parse", "HEAD"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"mlflow.source.git.commit": said.stdout.strip()}
