"""The SQLite databases of MLflow's server, complete before it starts: runs, and users.

It may be killed while it makes them itself, and would never start again (see `memest.tracking.schema`). A
process of its own makes them, `python -m memest.services.databases`, so that `up` need not import MLflow.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from memest.errors import ServiceError
from memest.services.environment import without
from memest.services.folder import Folder
from memest.services.settings import Secrets, Settings

RUNS, USERS = "mlflow.db", "auth.db"


def make_databases(settings: Settings, secret: Secrets, folder: Folder, seconds: float) -> None:
    """Make those that the server will open and that are not there.

    Raises:
        ServiceError: they cannot be made, or not within `seconds`.
    """
    names = [RUNS] * (not secret.backend) + [USERS] * settings.auth
    missing = [str(folder.path(name)) for name in names if not folder.path(name).exists()]
    if not missing:
        return
    command = [sys.executable, "-W", "ignore", "-m", "memest.services.databases", *missing]
    try:
        run = subprocess.run(
            command, env=without(), capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(
            f"the databases of MLflow were not made in {seconds:.0f} s; run the same command again, with "
            "more --seconds on a busy machine"
        ) from error
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ServiceError(f"the databases of MLflow cannot be made in {folder.root}: {last[:300]}")


def make(file: Path) -> None:
    """Make one database, by its name; only one process does so at a time."""
    from filelock import FileLock

    from memest.tracking.schema import make_database, make_tables

    with FileLock(f"{file}.lock"):
        if file.name == RUNS:
            make_tables(file)
        else:
            from mlflow.server.auth.db.utils import migrate

            make_database(file, lambda engine: migrate(engine, "head"))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        make(Path(name))
