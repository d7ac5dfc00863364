"""Specs of datasets as people write them: a path alone, `npz(mine.npz)`, `~`, made into the written-out spec.

mine.npz, npz(mine.npz)     npz(path=mine.npz)
photos/                     folder(path='photos/'), or what else lies there
npz(path=~/mine.npz)        npz(path='/home/me/mine.npz')
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from memest.data.images import Split
from memest.data.sources.walk import children
from memest.errors import DataError, SettingError, UnknownNameError, looked_in
from memest.grammar.registry import Registry, keyword_parameters
from memest.grammar.spec import Spec, literal, split_list

_CALL = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*\((?P<inside>.*)\)\s*", re.DOTALL)
_KEYWORD = re.compile(r"\s*[A-Za-z_]\w*\s*=")
_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_LOOKED_AT = 100
"""Entries of each folder below, to see whether it holds shards."""
_SHARD = re.compile(r".*\.tfrecords?(\b.*)?|.*-\d{4,6}-of-\d{4,6}")
_log = logging.getLogger(__name__)


class Sources(Registry[Callable[..., Split]]):
    """The registry of datasets; its specs may be paths."""

    def __init__(self, noun: str, group: str) -> None:
        super().__init__(noun, group)
        self._said: set[str] = set()

    def parse(self, text: str | Spec) -> Spec:
        """The canonical spec; a path alone becomes the source that reads what lies there.

        Raises:
            InputError: as for any registry; neither a name nor a path that is there; or nothing that is
                understood lies at the path.
        """
        if isinstance(text, Spec):
            return super().parse(text)
        if not text.strip():
            raise DataError(f"--data came empty; expected a file or folder, or one of {', '.join(self)}")
        if (path := self._path(text)) is not None:
            spec = super().parse(Spec(source_of(path), (("path", path),)))
            self._say(f"{text} is read as {spec.short()}")
            return spec
        return super().parse(self._written_out(text))

    def _say(self, line: str) -> None:
        """Say a line once."""
        if line not in self._said:
            self._said.add(line)
            _log.warning("%s", line)

    def _path(self, text: str) -> str | None:
        """The path that `text` is, if it is one and no name with keywords."""
        named = _CALL.fullmatch(text)
        if text.strip() in self or (named and named["name"] in self):
            return None
        path = _at_home(text)
        looks = text.startswith(("~", ".", "/")) or "/" in text.partition("(")[0] or _suffix(path) is not None
        if _exists(path):
            return str(path) if text.startswith("~") else text
        if named and (not named["inside"].strip() or _KEYWORD.match(named["inside"])):
            return None  # a spec, whose name is misspelt
        if looks:
            raise DataError(
                f"there is nothing at {path} {looked_in(path)}; expected a file or folder, "
                f"or one of {', '.join(self)}"
            )
        raise UnknownNameError(self.noun, text, self, path)

    def _written_out(self, text: str) -> Spec:
        named = _CALL.fullmatch(text)
        takes_path = named and named["name"] in self and "path" in keyword_parameters(self[named["name"]])
        if not named or not takes_path:
            return Spec.parse(text)
        try:
            return _expanded(_with_keyword(named["name"], named["inside"]))
        except SettingError as error:
            hint = f'a path with , [ ( or \' in it needs quotes, as in {named["name"]}(path="a,b")'
            raise SettingError(f"{error}; {hint}") from error


def _with_keyword(name: str, inside: str) -> Spec:
    """`npz(mine.npz)` as `npz(path=mine.npz)`."""
    parts = split_list(inside)
    if parts and not _KEYWORD.match(parts[0]):
        rest = Spec.parse(f"{name}({', '.join(parts[1:])})")
        if "path" in rest.settings:
            raise SettingError(f"{name} is given two paths: {parts[0]} and {rest.settings['path']}")
        return replace(rest, keywords=(("path", literal(parts[0])), *rest.keywords))
    return Spec.parse(f"{name}({inside})")


def _expanded(spec: Spec) -> Spec:
    def value(key: str, given: Any) -> Any:
        tilde = key == "path" and isinstance(given, str) and given.startswith("~")
        return str(_at_home(given)) if tilde else given

    return replace(spec, keywords=tuple((key, value(key, given)) for key, given in spec.keywords))


def _at_home(text: str) -> Path:
    """A path, its `~` written out.

    Raises:
        DataError: there is no such user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise DataError(f"{text}: there is no user of that name; write the path out") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        shown = str(path)
        shown = shown if len(shown) < 100 else f"{shown[:100]}…"
        raise DataError(f"{shown} cannot be looked at: {error.strerror}; name a file or folder") from error


def source_of(path: str) -> str:
    """The name of the source that reads what lies at `path`.

    Raises:
        DataError: nothing there that any source reads.
    """
    place = Path(path)
    if place.is_file():
        if (name := _suffix(place)) is None:
            raise DataError(
                f"{place} is no dataset that memest reads; expected .npz, .parquet, .arrow, .tfrecord or "
                ".tar, or a folder of images"
            )
        return name
    inside = children(place)
    if not inside:
        raise DataError(f"the folder {place} is empty; expected a folder of images for each class, or shards")
    names = {path.name for path in inside}
    if {"dataset_info.json", "dataset_dict.json", "state.json"} & names:
        return "parquet"
    folders = [path for path in inside if path.is_dir()]
    files = [path for path in inside if path not in folders]
    below = (file for folder in folders for file in islice(children(folder), _LOOKED_AT) if file.is_file())
    found = (source for path in (*files, *below) if (source := _suffix(path)) not in (None, "npz"))
    return "folder" if names & {*_TABLES} else next(found, None) or "folder"


def _suffix(path: Path) -> str | None:
    """The source for a file of that name."""
    if path.suffix == ".npz":
        return "npz"
    if is_tar(path.name):
        return "webdataset"
    if path.suffix in (".parquet", ".arrow"):
        return "parquet"
    return "tfrecord" if is_tfrecord(path.name) else None


def is_tar(name: str) -> bool:
    """Whether a file of that name is a tar shard; one that is compressed is answered with the way out."""
    return name.endswith((".tar", ".tar.gz", ".tgz"))


def is_tfrecord(name: str) -> bool:
    """Whether a file of that name is a TFRecord shard: `a.tfrecord…`, or `train-00000-of-01024`."""
    return _SHARD.fullmatch(name) is not None
