"""Entries of registries that other packages bring, through entry points of their distributions.

    [project.entry-points."memest.scores"]
    surprise = "their_package.scores"

says that importing `their_package.scores` registers the score `surprise`. It is imported when that name is
first used, and never to list the names.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from memest.errors import PluginError


@cache
def plugins(group: str) -> Mapping[str, EntryPoint]:
    """What other packages bring to the registry of that group, by name.

    Raises:
        PluginError: two packages bring the same name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group) if group else ():
        if point.name in found:
            both = " and ".join(sorted([_package(found[point.name]), _package(point)]))
            raise PluginError(f"{both} both bring {point.name!r} to {group}; uninstall one of them")
        found[point.name] = point
    return found


def bring(point: EntryPoint) -> None:
    """Import what registers an entry.

    Raises:
        PluginError: it cannot be imported.
    """
    try:
        _load(point)
    except Exception as error:  # whatever the code of a stranger raises
        raise PluginError(
            f"{described(point)}, which cannot be imported ({type(error).__name__}: "
            f"{' '.join(str(error).split())}); mend or uninstall that package"
        ) from error


def _load(point: EntryPoint) -> None:
    """Import it; a folder of the working directory that is called like its module does not hide it.

    Python takes such a folder for the package where the working directory is on its path, and it is there
    in a project that is installed as editable from its parent.
    """
    path = list(sys.path)
    sys.path[:] = [place for place in path if place not in ("", str(Path.cwd()))]
    try:
        point.load()
    except ModuleNotFoundError:
        sys.path[:] = path
        point.load()
    finally:
        sys.path[:] = path


def described(point: EntryPoint) -> str:
    """Who brings what, for messages."""
    return f"the package {_package(point)} brings {point.name!r} to {point.group} from {point.value}"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "of an unknown name"
