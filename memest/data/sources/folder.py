"""Image files in a folder: a folder for each class, or a table that names files and labels.

photos/cat/a.jpg  photos/dog/b.jpg              class folders, as torchvision's ImageFolder reads them
photos/metadata.csv  photos/a.jpg …             a table with file_name and label, also .jsonl or .parquet
photos/train/…  photos/test/… (or val/…)        either of these in each
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from memest.data.decoded import Color, Files, Fit, texts
from memest.data.images import Split
from memest.data.sources.base import SETS
from memest.data.sources.encoded import Holdout, Listing, OnError, Options, Size, encoded_split, shown
from memest.data.sources.parts import HELD, TRAIN, part_named
from memest.data.sources.tables import TableColumns, find_table, table_rows
from memest.data.sources.walk import children, files_below
from memest.errors import DataError, looked_in

_log = logging.getLogger(__name__)


@SETS.register
def folder(
    *,
    path: str,
    file: str = "file_name",
    label: str = "label",
    id: str | None = None,
    size: Size | None = None,
    fit: Fit = "crop",
    color: Color = "auto",
    on_error: OnError = "stop",
    holdout: Holdout = 0.0,
) -> Split:
    """Image files by class folder or by table; ids are positions in the sorted relative paths.

    Args:
        path: of the folder.
        file: the table's column of paths, relative to the table.
        label: the table's column of labels, text or whole numbers.
        id: the table's column of ids; None: positions.
        size: see `Options`, as for `fit`, `color`, `on_error` and `holdout`.

    Raises:
        DataError: no such folder, no images, one class only, files without labels or labels without files,
            or images that cannot be read.
    """
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"there is no folder {root} {looked_in(root)}")
    options = Options(size, fit, color, on_error, holdout)
    columns = TableColumns(file, label, id)
    train, test = folder_parts(root)
    listing = _listed(train, columns, options)
    held = _parted(listing) if test is None else (listing, _listed(test, columns, options))
    return encoded_split(*held, options, "folder")


def folder_parts(root: Path) -> tuple[Path, Path | None]:
    """The folders of training and test images: the folder itself, unless all folders in it are such.

    Raises:
        DataError: they are all for testing.
    """
    if find_table(root) is not None:
        return root, None
    inside = children(root)
    folders = [path for path in inside if path.is_dir()]
    parts = {part_named(path.name): path for path in reversed(folders)}
    if not folders or None in parts:
        return root, None
    train, test = (next((parts[word] for word in words if word in parts), None) for words in (TRAIN, HELD))
    if train is None:
        raise DataError(
            f"{root} has {', '.join(path.name for path in folders)} and no folder called train; name the one "
            "to train on, or call it so"
        )
    if others := [path for path in inside if path not in (train, test)]:
        _log.warning(
            "%s is read for training%s; not read: %s",
            train,
            "" if test is None else f" and {test} for testing",
            shown(map(str, others)),
        )
    return train, test


def _parted(listing: Listing) -> tuple[Listing, Listing | None]:
    """Training and test images of one listing: all are trained on, unless each lies in a folder of a part.

    That is how a table above the folders `train` and `test` names them; not where these are the classes.
    """
    words = [
        part_named(name.partition("/")[0]) if "/" in name else None for name in listing.records.names.tolist()
    ]
    there = set(words)
    if words == [part_named(str(label)) for label in listing.labels]:
        return listing, None  # the folders are the classes, whatever they are called
    test = next((word for word in HELD if word in there), None)
    if None in there or test is None or not there & {*TRAIN}:
        return listing, None
    if others := sorted({word for word in there if word and word not in (*TRAIN, test)}):
        _log.warning("%s: %s are for testing; not read: %s", listing.path, test, shown(others))
    chosen = [np.flatnonzero([word in wanted for word in words]) for wanted in (TRAIN, (test,))]
    return listing.take(chosen[0]), listing.take(chosen[1])


def _listed(root: Path, columns: TableColumns, options: Options) -> Listing:
    """The files of one folder and their labels, in the order of their paths."""
    files = set(files_below(root))
    if (table := find_table(root)) is not None:
        return _by_table(root, table, files - {table.name}, columns, options)
    names = sorted(files)
    if loose := [name for name in names if "/" not in name]:
        part = f"; {root.name} is taken for a part of {root.parent}, not for a class"
        also = part if part_named(root.name) else ""
        raise DataError(
            f"{len(loose)} files in {root} lie in no class folder, such as {shown(loose)}: expected a folder "
            f"for each class, or a metadata.csv with file_name and label{also}"
        )
    labels = [name.partition("/")[0] for name in names]
    if empty := sorted({path.name for path in children(root) if path.is_dir()} - set(labels)):
        _log.warning("%s: no image lies in %s, so there is no such class", root, shown(empty))
    return Listing(root, Files(root, texts(names)), labels)


def _by_table(root: Path, table: Path, files: set[str], columns: TableColumns, options: Options) -> Listing:
    rows = table_rows(table, columns)
    lacking = sorted(set(rows.names) - files)
    unnamed = sorted(files - set(rows.names))
    left_out = dict.fromkeys(lacking, f"named in {table.name}, and no such file")
    left_out |= dict.fromkeys(unnamed, f"not named in {table.name}, so without a label")
    if left_out and options.on_error == "stop":
        raise DataError(
            f"{table} and the files beside it differ: {len(lacking)} rows without a file, {len(unnamed)} "
            f"files without a row: {shown([*lacking, *unnamed])}; mend it, or on_error=skip leaves them out"
        )
    return rows.listing(root, set(lacking), left_out)
