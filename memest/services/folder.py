"""The one folder of the services: settings, credentials, processes, logs and data.

Every file written here is private to the user (mode 600, in a folder of mode 700), and private from the
first byte on. Every state that a killed command can leave is one that the next command goes on from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from memest.errors import BusyError, ServiceError
from memest.services.process import Process
from memest.services.settings import Secrets, Settings

D = TypeVar("D")
ASKED, CREDENTIALS, SETTINGS, PROCESSES = "asked.json", "credentials.json", "settings.json", "processes.json"
_WAYS_OUT = {
    PROCESSES: "end the servers that `ps` still shows (minio, weed, versitygw, mlflow), then remove the file",
    ASKED: "remove it, then run `memest services up` with the settings that you want",
}


class Folder:
    """Where the services keep everything.

    `settings.json` and `credentials.json` hold what servers have worked with. What a new `up` asks for is in
    `asked.json`, which counts in their place, until it has worked (`accept`) or failed (`withdraw`).

    Args:
        root: made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def path(self, name: str) -> Path:
        """The path of a file or folder inside."""
        return self.root / name

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps two commands from starting or stopping the same services at once.

        Raises:
            BusyError: another command is at it.
        """
        from filelock import FileLock, Timeout

        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with FileLock(self.path("lock"), timeout=0):
                yield
        except Timeout as error:
            raise BusyError(
                f"another command is starting or stopping the services in {self.root}; wait for it, "
                "then run the same command again"
            ) from error

    def settings(self) -> Settings | None:
        """The settings that the last `up` asked for; None: nothing was set up here."""
        asked = self._asked()
        return self._made(ASKED, Settings, asked["settings"]) if asked else self.proven()

    def secrets(self) -> Secrets | None:
        """The credentials that belong to `settings`; None: there are none yet."""
        asked, kept = self._asked(), self._read(CREDENTIALS)
        if asked:
            return self._made(ASKED, Secrets, asked["secrets"])
        return None if kept is None else self._made(CREDENTIALS, Secrets, kept)

    def proven(self) -> Settings | None:
        """The settings that servers have worked with; None: no `up` has succeeded yet."""
        found = self._read(SETTINGS)
        return None if found is None else self._made(SETTINGS, Settings, found)

    def unfinished(self) -> bool:
        """Whether an `up` was interrupted before its servers had worked."""
        return self.path(ASKED).is_file()

    def make_secrets(self) -> None:
        """Write random credentials down if there are none; they stay, because servers remember the first."""
        if not self.path(CREDENTIALS).is_file():
            self.write(CREDENTIALS, json.dumps(asdict(Secrets()), indent=1))

    def ask(self, settings: Settings, secret: Secrets) -> None:
        """Let these count from now on, until they are accepted or withdrawn."""
        self._write_asked(settings, secret, worked=False)

    def accept(self) -> None:
        """What was asked for has worked: it is what counts."""
        settings, secret = self.settings(), self.secrets()
        if self.unfinished() and settings and secret:
            self._write_asked(settings, secret, worked=True)
            self.write(CREDENTIALS, json.dumps(asdict(secret), indent=1))
            self.write(SETTINGS, json.dumps(asdict(settings), indent=1))
            self.path(ASKED).unlink()

    def withdraw(self) -> None:
        """What was asked for has not worked: what counted before counts again."""
        self.path(ASKED).unlink(missing_ok=True)

    def tidy(self) -> None:
        """End what a command that was killed has begun: accepting, and drafts of files."""
        for ending in ("json", "ini"):
            for left in self.root.glob(f"*.{ending}.draft"):
                left.unlink()
        asked = self._asked()
        if asked and asked["worked"]:
            self.accept()

    def processes(self) -> dict[str, Process]:
        """The processes that were started and not stopped since, by name."""
        found = self._read(PROCESSES) or {}
        return {name: self._made(PROCESSES, Process, one).found() for name, one in found.items()}

    def record(self, name: str, process: Process | None) -> None:
        """Write down that a process is about to be started, was started, or was stopped (None)."""
        known = {key: asdict(value) for key, value in self.processes().items() if key != name}
        entry = {name: asdict(process)} if process else {}
        self.write(PROCESSES, json.dumps(known | entry, indent=1))

    def write(self, name: str, text: str) -> Path:
        """Put `text` in a file that is private before it holds anything, and whole when it is seen."""
        path, draft = self.path(name), self.path(f"{name}.draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
        return path

    def _write_asked(self, settings: Settings, secret: Secrets, worked: bool) -> None:
        content = {"settings": asdict(settings), "secrets": asdict(secret), "worked": worked}
        self.write(ASKED, json.dumps(content, indent=1))

    def _asked(self) -> dict[str, Any] | None:
        found = self._read(ASKED)
        if found is not None and set(found) != {"settings", "secrets", "worked"}:
            raise self._damaged(ASKED, TypeError(f"it has {', '.join(sorted(found)) or 'nothing'}"))
        return found

    def _made(self, name: str, kind: type[D], found: Any) -> D:
        """A dataclass of plain fields, from what a file says of them."""
        try:
            made, hints = kind(**found), get_type_hints(kind)
        except TypeError as error:
            raise self._damaged(name, error) from error
        for key, value in found.items():
            if type(value) is not hints[key]:
                raise self._damaged(name, TypeError(f"{key} is no {hints[key].__name__}"))
        return made

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise self._damaged(name, error) from error
        if not isinstance(found, dict):
            raise self._damaged(name, TypeError(f"a {type(found).__name__} and no table"))
        return found

    def _damaged(self, name: str, error: Exception) -> ServiceError:
        way_out = _WAYS_OUT.get(name, "put it back, or use another --folder")
        return ServiceError(f"{self.path(name)} is not as memest wrote it ({error}); {way_out}")
