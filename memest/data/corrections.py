"""Decisions about labels, and a dataset corrected by them; the original is never written to.

    fingerprint,id,label,decision,new_label
    3a47…,17,cat,wrong,dog          becomes a dog
    3a47…,18,cat,remove,            is left out
    3a47…,19,cat,right,             stays, as does one that is `unsure`

Axes: N examples.
"""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from memest.data.csv_text import csv_rows, delimiter_of
from memest.data.images import ImageSet, Integers, Split
from memest.data.sources.folder import folder_parts
from memest.errors import DataError, looked_in
from memest.grammar.spec import Spec
from memest.ids import Ids

COLUMNS = ("fingerprint", "id", "label", "decision", "new_label")
KINDS = ("right", "wrong", "unsure", "remove")
REMOVED = -1


def corrected(path: Path, images: ImageSet) -> Integers:
    """The labels after the decisions in a CSV file, (N,); −1 for an example that is left out.

    Raises:
        DataError: no such file or column, another fingerprint, or a row that does not fit the images: an id
            that is not there, an old label that is another, a new one that is no class.
    """
    labels, known = images.labels.copy(), Ids(images.ids, "the dataset")
    numbers = {name.strip(): number for number, name in enumerate(images.classes)}
    for line, row in decision_rows(path):
        where = f"{path}, line {line}"
        if row["fingerprint"] != images.fingerprint:
            raise DataError(
                f"{where} was decided on fingerprint {row['fingerprint'][:16] or 'none'}…, and this one has "
                f"{images.fingerprint[:16]}…: give --data as it was then"
            )
        if not row["id"].isdecimal() or (place := int(known.find([int(row["id"])])[0])) < 0:
            raise DataError(f"{where}: the dataset has no id {row['id'] or '(empty)'}")
        if row["label"] != (now := images.classes[images.labels[place]]).strip():
            raise DataError(
                f"{where}: id {row['id']} was {row['label']!r} when it was decided, and is {now!r}"
            )
        if row["decision"] not in KINDS:
            raise DataError(f"{where}: decision must be one of {', '.join(KINDS)}, not {row['decision']!r}")
        if row["decision"] == "remove":
            labels[place] = REMOVED
        elif row["decision"] == "wrong":
            if row["new_label"] not in numbers:
                raise DataError(
                    f"{where}: new_label {row['new_label']!r} is no class of the dataset; name one of its "
                    f"{len(numbers)}, or decide to remove it"
                )
            labels[place] = numbers[row["new_label"]]
    return labels


def decision_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file of decisions, each with its line; spaces around values are left out.

    Raises:
        DataError: no such file, not the columns of one, an open quote, or a row of another length.
    """
    try:
        (_, header), *rows = list(csv_rows(path, delimiter_of(path, COLUMNS))) or [(1, [])]
    except FileNotFoundError as error:
        columns = ", ".join(COLUMNS)
        raise DataError(
            f"there is no file {path} {looked_in(path)}; expected a CSV with {columns}"
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read as a table of decisions ({error})") from error
    names = [name.strip() for name in header]
    lacking = [name for name in COLUMNS if not rows or name not in names]
    if lacking:
        raise DataError(
            f"{path} needs the columns {', '.join(COLUMNS)} and a row; it lacks {', '.join(lacking)}"
        )
    return [(line, _named(path, line, names, values)) for line, values in rows]


def _named(path: Path, line: int, names: list[str], values: list[str]) -> dict[str, str]:
    """The values of a row by their columns; what an editor cut off or added at the end is empty."""
    while len(values) > len(names) and not values[-1].strip():
        values = values[:-1]
    if not names.index("decision") < len(values) <= len(names):
        raise DataError(
            f"{path}, line {line} has {len(values)} values and the header {len(names)}: a value that holds a "
            "comma needs quotes"
        )
    row = {name: value.strip() for name, value in zip(names, values, strict=False)}
    if mark := row.get("fingerprint"):
        swallowed = [name for name, value in row.items() if f"\n{mark}" in value.replace("\r", "\n")]
        if swallowed:
            raise DataError(
                f"{path}, line {line}: its {swallowed[0]} holds whole rows: close the quote that opens it"
            )
    return dict.fromkeys(COLUMNS, "") | row


def require_new(into: Path) -> None:
    """Refuse a place where something is, and a file in a folder that is not there.

    Raises:
        DataError: it is such a place.
    """
    if into.exists():
        raise DataError(f"{into} is there already; name a new place")
    if into.suffix == ".npz" and not into.parent.is_dir():
        raise DataError(f"there is no folder {into.parent} for {into.name}; make it first")


def write_corrected(into: Path, spec: Spec, split: Split, labels: Integers) -> None:
    """A dataset of the images with these labels, at a place where nothing is: a folder, or an .npz.

    The test set comes along as it is; a folder then has the folders train and test.

    Args:
        into: an .npz, or a folder that gets copies of the files and a metadata.csv with file_name, label and
            id, as Hugging Face's `imagefolder` reads it.
        spec: of the source; a folder can be written only of image files.
        split: the source.
        labels: of its training set, from `corrected`.

    Raises:
        DataError: something is there already, or the source has no files to copy.
    """
    require_new(into)
    kept = np.flatnonzero(labels != REMOVED)
    train, test = replace(split.train.take(kept), labels=labels[kept]), split.test
    if into.suffix == ".npz":
        return _write_npz(into, train, test)
    if spec.name != "folder" or train.names is None:
        raise DataError(
            f"a folder can be written of image files only, and {spec.name} has none: name an .npz"
        )
    root, test_root = folder_parts(Path(spec.settings["path"]))
    partial = into.with_name(f"{into.name}.{os.getpid()}.partial")
    try:
        _write_files(partial / "train" if test else partial, root, train)
        if test:
            _write_files(partial / "test", test_root or root, test)
        partial.rename(into)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_files(folder: Path, root: Path, images: ImageSet) -> None:
    """Copies of the files of an image set, and its metadata.csv."""
    names = [] if images.names is None else images.names.tolist()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, folder / name)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("file_name", "label", "id"))
        rows = zip(names, images.labels.tolist(), images.ids.tolist(), strict=True)
        table.writerows((name, images.classes[label], number) for name, label, number in rows)


def _write_npz(into: Path, images: ImageSet, test: ImageSet | None) -> None:
    arrays: dict[str, Any] = {"images": np.asarray(images.images), "labels": images.labels, "ids": images.ids}
    arrays["classes"] = np.array(images.classes)
    if images.names is not None:
        arrays["names"] = np.array(images.names.tolist())
    if test is not None:
        arrays |= {"test_images": np.asarray(test.images), "test_labels": test.labels}
    partial = into.with_name(f"{into.stem}.{os.getpid()}.partial.npz")
    np.savez(partial, **arrays)
    partial.replace(into)
