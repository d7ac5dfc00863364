"""Tar shards as webdataset writes them: the files of one example have one name before the first dot.

shard-000000.tar:  0001.jpg 0001.cls 0002.jpg 0002.cls …      the name, `__key__`, is the example's
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memest.data.decoded import Color, Fit
from memest.data.decoded.index import Found, indexed
from memest.data.images import Split
from memest.data.sources.base import SETS
from memest.data.sources.encoded import Holdout, Listing, OnError, Options, Size, encoded_split
from memest.data.sources.shards import shards_at
from memest.data.sources.spelling import is_tar
from memest.data.sources.tables import as_labels
from memest.data.sources.walk import ignored
from memest.errors import DataError

_IMAGES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "img")


@SETS.register
def webdataset(
    *,
    path: str,
    image: str | None = None,
    label: str = "cls",
    size: Size | None = None,
    fit: Fit = "crop",
    color: Color = "auto",
    on_error: OnError = "stop",
    holdout: Holdout = 0.0,
) -> Split:
    """Images in tar shards; ids are positions in the order of shards and records.

    Args:
        path: a .tar, or a folder of them; those with `train`, `test` or `val` in their names are told apart.
        image: the ending of image files, such as jpg; None: the first of an example that is one of an image.
        label: the ending of label files, which hold a name or number; `json:key` for an entry of a JSON file.
        size: see `Options`, as for `fit`, `color`, `on_error` and `holdout`.

    Raises:
        DataError: no shard, one that is cut, an example without image or label, or images that
            cannot be read.
    """
    options = Options(size, fit, color, on_error, holdout)
    root, train, test = shards_at(path, is_tar, "tar shards")
    held = _listing(root, test, image, label) if test else None
    return encoded_split(_listing(root, train, image, label), held, options, "webdataset")


def _listing(root: Path, shards: list[str], image: str | None, label: str) -> Listing:
    settings = {"kind": "webdataset", "image": image, "label": label}
    records, labels = indexed(root, shards, settings, lambda: _found(root, shards, image, label))
    return Listing(root, records, as_labels(labels, records.names.tolist(), f"{label} in {root}"))


def _found(root: Path, shards: list[str], image: str | None, label: str) -> Found:
    columns: dict[str, list[Any]] = {name: [] for name in ("name", "label", "shard", "offset", "length")}
    seen: dict[str, str] = {}
    for number, shard in enumerate(shards):
        for key, files in _examples(root / shard):
            if key in seen:
                raise DataError(f"{root / shard} has example {key}, which {seen[key]} has as well")
            seen[key] = str(root / shard)
            picture, text = _pair(root / shard, key, files, image, label)
            row = (key, text, number, picture.offset_data, picture.size)
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    return columns


def _examples(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key of a shard with its files by ending: for images where they lie, for others their content."""
    files: dict[str, Any] = {}
    key, count, offset = "", 0, 0
    _require_plain(path)
    try:
        with tarfile.open(path, "r:") as shard:
            for member in shard:
                offset = member.offset_data + member.size
                folder, _, name = member.name.removeprefix("./").rpartition("/")
                if not member.isfile() or any(map(ignored, (*folder.split("/"), name))):
                    continue
                stem, _, ending = name.partition(".")
                own = f"{folder}/{stem}" if folder else stem
                if own != key and files:
                    yield key, files
                    files, count = {}, count + 1
                key = own
                if ending.lower() in files:
                    raise DataError(f"{path} has {member.name} twice; pack it again with keys of their own")
                is_image = ending.lower() in _IMAGES
                files[ending.lower()] = member if is_image else (member, shard.extractfile(member).read())  # type: ignore[union-attr]
            if path.stat().st_size < offset:
                raise tarfile.ReadError("unexpected end of data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(
            f"{path} is damaged or cut short at example {count} ({key or 'the first'}), near byte {offset} "
            f"({error}); copy the shard again"
        ) from error
    if files:
        yield key, files


def _require_plain(path: Path) -> None:
    """Refuse what is no plain tar file: images are read where they lie in it."""
    with path.open("rb") as file:
        start = file.read(6)
    if not start:
        raise DataError(f"{path} is empty: not even an empty tar file; copy the shard again")
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise DataError(
            f"{path} is compressed, so no image can be read where it lies in it; unpack it to a .tar"
        )


def _pair(path: Path, key: str, files: dict[str, Any], image: str | None, label: str) -> tuple[Any, str]:
    """Where the image of an example lies, and its label as text."""
    ending, _, entry = label.partition(":")
    chosen = image or next((name for name in files if name in _IMAGES), "")
    if chosen not in files or ending not in files:
        raise DataError(
            f"{path}: example {key} has no {'image' if chosen not in files else f'label .{ending}'} (it has "
            f"{', '.join(files)}); name them with image=… and label=…"
        )
    picture = files[chosen] if isinstance(files[chosen], tarfile.TarInfo) else files[chosen][0]
    content = files[ending][1].decode("utf-8", "replace").strip()
    if not entry:
        return picture, content
    try:
        return picture, str(json.loads(content)[entry])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: {ending} of example {key} has no entry {entry!r}") from error
