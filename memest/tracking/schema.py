"""MLflow's tables, made whole or not at all.

Its migrations are no transaction on SQLite: a process that is killed while it makes a database leaves one
that no MLflow opens again. Made under another name and renamed, a database is complete when it is seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any


def make_tables(file: Path) -> None:
    """Make MLflow's tables in a SQLite file, unless there is one. The caller holds its lock."""
    from mlflow.store.db.utils import _initialize_tables

    make_database(file, _initialize_tables)


def make_database(file: Path, fill: Callable[[Any], object]) -> None:
    """Make a SQLite file that is not there yet; it is seen when it is complete.

    Args:
        file: what is there already stays as it is.
        fill: makes the tables, given an SQLAlchemy engine.
    """
    if file.exists():
        return
    from sqlalchemy import create_engine

    for noisy in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    draft = file.with_name(f"{file.name}.draft")
    draft.unlink(missing_ok=True)  # of a process that was killed
    engine = create_engine(f"sqlite:///{draft}")
    try:
        fill(engine)
    finally:
        engine.dispose()
    draft.replace(file)
