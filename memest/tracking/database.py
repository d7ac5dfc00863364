"""A database is looked at before MLflow or Optuna opens it: they try a wrong one for minutes, or make it."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from memest.errors import InputError, masked

if TYPE_CHECKING:
    from sqlalchemy import URL

_MAGIC = b"SQLite format 3\0"
_SPELLING = "write sqlite:///name.db, sqlite:////folder/name.db or postgresql://host:5432/name"
_PATIENCE = 5
"""Seconds to wait for a SQLite file that another process has locked, before it is left to its user."""


def check_database(uri: str, flag: str, table: str = "") -> None:
    """Refuse a database that cannot keep what it is to keep; nothing is written.

    Args:
        uri: of the database, as SQLAlchemy has it.
        flag: where it was given, for the message: `--storage`, `MLFLOW_TRACKING_URI`.
        table: one of the first that its owner makes; a SQLite file with tables but not this one is refused.

    Raises:
        InputError: the URI is misspelled or in-memory; the file is no database, another program's, or
            cannot be written; the server does not answer or its driver is not installed.
    """
    file = sqlite_file(uri, flag)
    if file is None:
        _require_answer(uri, flag)
    elif _writable(file, flag):
        _require_sqlite(file, flag)
        _require_table(file, flag, table)


def sqlite_file(uri: str, flag: str = "SQLite") -> Path | None:
    """The file that a database URI names; None if it names a server.

    Raises:
        InputError: the URI is misspelled, or in-memory.
    """
    url = _parsed(uri, flag)
    if url.get_backend_name() != "sqlite":
        return None
    if url.host:
        raise _misspelled(uri, flag, f"{url.host}/{url.database or ''}".rstrip("/"))
    name = url.database or ":memory:"
    if ":memory:" in name or url.query.get("mode") == "memory":
        raise InputError(f"{flag}: {uri} is an in-memory database, which ends with its process; {_SPELLING}")
    if name.startswith("file:"):
        raise InputError(f"{flag}: a SQLite file is named by its path, not by a file: URI; {_SPELLING}")
    return Path(name)


def _parsed(uri: str, flag: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    scheme, _, rest = uri.partition(":")
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise _misspelled(uri, flag, rest.strip("/") if scheme == "sqlite" else "") from error
    if scheme.lower().startswith("sqlite") and url.get_backend_name() != "sqlite":
        raise _misspelled(uri, flag, url.database or "")
    return url


def _misspelled(uri: str, flag: str, name: str) -> InputError:
    way = f"write sqlite:///{name} or sqlite:///{Path(name).absolute()}" if name else _SPELLING
    return InputError(f"{flag}: {masked(uri)!r} is not the URI of a database; {way}")


def _writable(file: Path, flag: str) -> bool:
    """Whether a file that can be written holds something already; trying leaves nothing behind.

    Raises:
        InputError: it is no file, or it or its folder cannot be written.
    """
    folder = file.absolute().parent
    try:
        if file.exists() and not file.is_file():
            way = f"name a file in it: sqlite:///{file.absolute()}/mlflow.db" if file.is_dir() else _SPELLING
            raise InputError(f"{flag}: {file} is no file; {way}")
        if not folder.is_dir():
            raise InputError(f"{flag}: there is no folder {folder} for {file.name}; make it first")
        with tempfile.TemporaryFile(dir=folder):
            pass
        if not file.exists():
            return False
        with file.open("r+b"):
            return file.stat().st_size > 0
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"{flag}: the database {file} and its folder must be writable ({why}); name another place, as in "
            "sqlite:////folder/name.db"
        ) from error


def _require_sqlite(file: Path, flag: str) -> None:
    with file.open("rb") as content:
        if content.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"{flag}: {file} holds something else than a SQLite database; name another file")


def _require_table(file: Path, flag: str, table: str) -> None:
    try:
        connection = sqlite3.connect(file, timeout=_PATIENCE)
        try:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            return
        raise InputError(f"{flag}: the database {file} is damaged ({error}); name another file") from error
    tables = {name for (name,) in found}
    if table and tables and table not in tables:
        raise InputError(
            f"{flag}: the database {file} belongs to something else (it has a table {min(tables)!r} and no "
            f"{table!r}); name another file"
        )


def _require_answer(uri: str, flag: str) -> None:
    """One connection, so that a server that does not answer is not asked for minutes."""
    from sqlalchemy import create_engine

    try:
        engine = create_engine(uri)
        try:
            engine.connect().close()
        finally:
            engine.dispose()
    except Exception as error:  # SQLAlchemy's, and whatever the driver raises: they share no base
        said = masked(" ".join(str(error).split()))[:200]
        raise InputError(
            f"{flag}: the database {masked(uri)} cannot be used ({type(error).__name__}: {said}); see that "
            f"its server runs, name and password are right and its driver is installed, or {_SPELLING}"
        ) from error
