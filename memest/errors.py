"""Every error memest raises on purpose.

Each message says what was expected, what came, and the way out, in one line. The two branches decide
the exit code of the command line: an `InputError` is the caller's to mend (exit code 2, nothing was
written); any other `MemestError` happened to work already under way (exit code 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

_CREDENTIALS = re.compile(
    r"""(?<=://)(?!/)(?:                        # the path of a file has none
      [^\n/:]*:(?:(?!\s\W?\w[\w+.-]*://).)*@      # name:password@, up to the last @ before another URL,
    | (?![\w.-]+:\d{1,5}[\s/,;'")])[^\n/:]*:.*@  # or, unless it is host:port, before the end of the line,
    | \S*@                                      # or a word that ends in @
    )""",
    re.VERBOSE,
)
"""A password may hold every character, spaces too: where a text is ambiguous, more than it is masked."""
_SETTINGS = re.compile(r"(?i)(\w*(?:password|passwd|pwd|secret)\w*=)[^\s&;,'\")]+")
"""A password as a setting, as in `?password=…` at the end of a URL."""


def masked(text: str) -> str:
    """`text` without the names and passwords in its URLs. Mask first, then cut: half a URL has no @."""
    return _SETTINGS.sub(r"\1…", _CREDENTIALS.sub("…@", text))


class MemestError(Exception):
    """Base of every error raised on purpose. Its text never shows the credentials in a URL."""

    def __str__(self) -> str:
        return masked(super().__str__())


class InputError(MemestError):
    """What was asked for cannot be done as asked; nothing has been written."""


class UnknownNameError(InputError):
    """A name that is not in the registry or list it was looked up in.

    Args:
        noun: what it was to name.
        name: as it was given.
        known: the names that there are.
        path: where a file or folder was looked for as well; None: only names are taken.
    """

    def __init__(self, noun: str, name: str, known: Iterable[str], path: Path | None = None) -> None:
        known = sorted(known)
        near = _nearest(name, known) if path is None else _nearest(path.name, [*known, *_names_beside(path)])
        nor, way = "", ""
        if path is not None:
            nor = f", and no file or folder of that name lies in {path.resolve().parent}"
            way = "; or name the path of a file or folder"
        super().__init__(f"unknown {noun} {name!r}{nor}{near} (known: {', '.join(known)}{way})")


def looked_in(path: Path) -> str:
    """The folder in which a path was looked for, and what lies there under nearly that name."""
    return f"(looked in {path.resolve().parent}{_nearest(path.name, _names_beside(path))})"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _names_beside(path: Path) -> list[str]:
    """The names of what lies in the folder of a path, hidden files left out; [] where it cannot be listed."""
    with suppress(OSError, ValueError):
        return sorted(entry.name for entry in path.parent.iterdir() if not entry.name.startswith("."))
    return []


class SettingError(InputError):
    """A setting with a wrong name, a wrong type or a value out of range."""


class MissingPackageError(InputError):
    """An optional package that is needed is not installed."""


_EXTRAS = {
    "PIL": "data", "art": "attacks", "boto3": "tracking", "cleanlab": "detect", "jinja2": "data",
    "joblib": "data", "matplotlib": "analysis", "mlflow": "tracking", "optuna": "search",
    "pandas": "analysis", "psycopg": "services", "pyarrow": "store", "ray": "ray",
    "requests": "services", "sklearn": "data", "sqlalchemy": "tracking", "tensorflow": "tensorflow",
    "tqdm": "data", "yaml": "sweep",
}  # fmt: skip
"""By package, the extra of memest that brings it."""


@contextmanager
def optional_packages() -> Iterator[None]:
    """A block, or a decorated function, that needs packages which are not always installed.

    Raises:
        MissingPackageError: one is missing; the message names the extra that brings it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise MissingPackageError(
            f"this needs {package}, which is not installed: pip install 'memest[{_EXTRAS[package]}]'"
        ) from error


class PluginError(InputError):
    """Another package brings something to memest that cannot be used."""


class DataError(InputError):
    """A dataset that cannot be had, or whose arrays are not what an image set needs."""


class FingerprintError(InputError):
    """Labels, images or ids that are not those a score sheet was measured against."""

    def __init__(self, expected: str, came: str, what: str) -> None:
        super().__init__(
            f"{what}: the sheet was measured against fingerprint {expected[:16]}…, these images and "
            f"labels have {came[:16]}…; use the dataset and corruption stored with the run"
        )


class NoRunsError(InputError):
    """A query that no run answers."""

    @classmethod
    def without(cls, what: str, count: int) -> NoRunsError:
        """None of `count` runs has `what`."""
        one = "the only run that was found does not have"
        return cls(f"{one if count == 1 else f'none of the {count} runs has'} {what}")


class ArtifactsGoneError(InputError):
    """Finished runs whose artifacts are no longer where the server says."""

    def __init__(self, run_id: str, expected: str, count: int = 1) -> None:
        others = f" and those of {count - 1} others" if count > 1 else ""
        super().__init__(
            f"the artifacts of finished run {run_id} are gone{others}: they were expected in {expected}; "
            "bring them back (was a folder moved, deleted or not mounted?), run its training command again, "
            "which makes it anew, or delete the run"
        )


class SheetError(MemestError):
    """A score sheet that is unfinished, damaged, or asked to change what it already holds."""


class ChangeRefusedError(SheetError):
    """Other bytes under a name that is kept already."""


class NonFiniteError(MemestError):
    """Scores that are NaN or infinite: the sheet stays intact up to the epoch before."""

    def __init__(self, key: str, epoch: int, ids: Iterable[int | str]) -> None:
        ids = list(ids)
        shown = ", ".join(map(str, ids[:10])) + (", …" if len(ids) > 10 else "")
        super().__init__(
            f"{key} is not finite at epoch {epoch} for {len(ids)} examples (ids {shown}); "
            "the sheet is intact up to the epoch before; lower the learning rate or look at these examples"
        )


class UnseenError(MemestError):
    """Examples that a pass over the data never delivered, or delivered twice."""


class MemoryFullError(MemestError):
    """Not even a single example fits into memory."""


class BusyError(MemestError):
    """Another process is already at work on the same configuration: nothing to do, and nothing wrong."""


class SweepError(MemestError):
    """Runs of a sweep that failed, however often they were tried."""


class SearchError(MemestError):
    """A search that none of its trials completed."""


class JournalError(MemestError):
    """The journal of a run cannot be read, or cannot grow."""


class PrunedError(MemestError):
    """Stopped early by its callback, for example a pruner; not a failure."""


class UndeliveredError(MemestError):
    """The work is done and kept on this machine, but not all of it reached the server."""


class ServiceError(MemestError):
    """A server that does not come up, or does not do its work; `log` is what it said last."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log
