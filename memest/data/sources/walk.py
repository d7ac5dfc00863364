"""The files below a folder: no hidden ones, links followed but not in circles, no folder left out unsaid."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from memest.data.sources.encoded import one_line
from memest.errors import DataError

_IGNORED = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "lost+found"}
_log = logging.getLogger(__name__)


def ignored(name: str) -> bool:
    """Whether a file or folder is what an operating system leaves: hidden, thumbnails, forks of a Mac."""
    return name.startswith(".") or name.lower() in _IGNORED


def children(folder: Path) -> list[Path]:
    """What lies in a folder, sorted by name, hidden files left out.

    Raises:
        DataError: it cannot be listed.
    """
    try:
        return sorted(path for path in folder.iterdir() if not ignored(path.name))
    except OSError as error:
        _refuse(error)


def files_below(root: Path) -> Iterator[str]:
    """The POSIX path below `root` of every file in it, folder by folder in the order of their names.

    A folder that is reached a second time, by a link, is not read again, which is said.

    Raises:
        DataError: a folder that cannot be listed, or a name that is no text.
    """
    seen: dict[str, str] = {}
    for place, folders, files in os.walk(root, onerror=_refuse, followlinks=True):
        below = os.path.relpath(place, root)
        if (first := seen.setdefault(os.path.realpath(place), below)) != below:
            _log.warning(
                "%s links to %s, which is read already: it is left out", one_line(place), root / first
            )
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not ignored(name))
        prefix = "" if below == "." else f"{below.replace(os.sep, '/')}/"
        for name in files:
            if not ignored(name):
                yield _text(prefix + name, root)


def _refuse(error: OSError) -> NoReturn:
    raise DataError(
        f"the folder {one_line(str(error.filename))} cannot be listed ({error.strerror}), and its images "
        "would be missed; see that you may read it"
    ) from error


def _text(name: str, root: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"a file below {root} has a name that is not UTF-8, {one_line(name)}: rename it"
        ) from error
    return name
