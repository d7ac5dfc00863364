"""Images in parquet files, and folders that Hugging Face's `datasets` saved with `save_to_disk`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from memest.data.decoded import Color, Fit, texts
from memest.data.decoded.cells import Cells, open_table
from memest.data.images import Names, Split
from memest.data.sources.base import SETS
from memest.data.sources.encoded import Holdout, Label, Listing, OnError, Options, Size, encoded_split
from memest.data.sources.shards import shards_at
from memest.data.sources.tables import as_labels
from memest.errors import DataError


@SETS.register
def parquet(
    *,
    path: str,
    image: str = "image",
    label: str = "label",
    size: Size | None = None,
    fit: Fit = "crop",
    color: Color = "auto",
    on_error: OnError = "stop",
    holdout: Holdout = 0.0,
) -> Split:
    """Images in a column of parquet or arrow files; ids are positions in the order of files and rows.

    Args:
        path: a file, a folder of them, or one that `save_to_disk` made; those with `train`, `test` or
            `validation` in their paths are told apart.
        image: the column of images: bytes, paths, or Hugging Face's structs of both.
        label: the column of labels; class names are read from what `datasets` stored, where it did.
        size: see `Options`, as for `fit`, `color`, `on_error` and `holdout`.

    Raises:
        DataError: no such file or column, one that is damaged, or images that cannot be read.
    """
    options = Options(size, fit, color, on_error, holdout)
    root, train, test = shards_at(path, _fits, "parquet or arrow files")
    held = _listing(root, test, image, label) if test else None
    return encoded_split(_listing(root, train, image, label), held, options, "parquet")


def _fits(name: str) -> bool:
    return name.endswith((".parquet", ".arrow")) and not name.startswith(("cache-", "."))


def _listing(root: Path, files: list[str], image: str, label: str) -> Listing:
    tables = [_columns(root / file, image, label) for file in files]
    counts = [len(labels) for _, labels, _ in tables]
    names = _names([name for given, _, _ in tables for name in given], files, counts)
    labels = [value for _, values, _ in tables for value in values]
    numbers = np.repeat(np.arange(len(files)), counts)
    rows = np.concatenate([np.arange(count) for count in counts])
    records = Cells(root, names, tuple(files), image, numbers, rows)
    known = next((found for _, _, found in tables if found), []) or _beside(root / files[0], label)
    found = as_labels(labels, names.tolist(), f"{label} in {root}")
    return Listing(root, records, _named(found, known, root))


def _columns(path: Path, image: str, label: str) -> tuple[list[Any], list[Any], list[str]]:
    """Paths of the images where the file has them, labels, and class names, of one file."""
    from pyarrow import compute

    table = open_table(path)
    schema = table.schema_arrow if hasattr(table, "schema_arrow") else table.schema
    for name in (image, label):
        if name not in schema.names:
            raise DataError(
                f"{path} has no column {name!r} (it has {', '.join(schema.names)}); name it with image=… or "
                "label=…"
            )
    kind = schema.field(image).type
    paths = (
        [field.name for field in kind] if hasattr(kind, "fields") or str(kind).startswith("struct") else []
    )
    if hasattr(table, "schema_arrow"):
        wanted = [label, *([f"{image}.path"] if "path" in paths else [])]
        table = table.read(wanted, use_threads=False)
    labels = table[label].to_pylist()
    given = (
        compute.struct_field(table[image], "path").to_pylist() if "path" in paths else [None] * len(labels)
    )
    return given, labels, _class_names(json.loads((schema.metadata or {}).get(b"huggingface", b"{}")), label)


def _class_names(stored: Any, label: str) -> list[str]:
    """The names of a ClassLabel in what `datasets` stores of its features."""
    features = stored.get("info", stored).get("features") or {}
    return list((features.get(label) or {}).get("names") or [])


def _beside(path: Path, label: str) -> list[str]:
    """The same from the dataset_info.json beside a file."""
    try:
        return _class_names(json.loads((path.parent / "dataset_info.json").read_bytes()), label)
    except (OSError, ValueError, AttributeError):
        return []


def _named(labels: list[Label], names: list[str], root: Path) -> list[Label]:
    if not names:
        return labels
    if odd := [label for label in labels if not isinstance(label, int) or not 0 <= label < len(names)]:
        raise DataError(f"{root} has label {odd[0]!r}, which is none of its {len(names)} classes")
    return [names[int(label)] for label in labels]


def _names(given: list[Any], files: list[str], counts: list[int]) -> Names:
    """The images' own paths, where each has one; else file and row."""
    if all(given) and len(set(given)) == len(given):
        return texts(given)
    return texts([f"{file}#{row}" for file, count in zip(files, counts, strict=True) for row in range(count)])
