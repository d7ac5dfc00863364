"""A person's own reference values, and those that memest estimates: one file, written and read here."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from memest.arrays import read_arrays, whole_numbers
from memest.files import write_whole
from memest.references.base import REFERENCES, Reference, numbering, numbers

_NAMES = ("ids", "values", "labels")
_HELP = "expected ids, values and the clean labels, (N,) each; optional order and higher_is_harder"


@REFERENCES.register
def values_file(*, path: str, higher_is_harder: bool | None = None) -> Reference:
    """Arrays `ids`, `values` and clean `labels`, (N,) each, from an .npz.

    Args:
        path: of the file; `ids` may be records of TensorFlow Datasets such as `train_00042`.
        higher_is_harder: which way is harder; None: as the file says, and yes where it does not. Where
            lower is harder, hardness is 1 − value.

    Raises:
        DataError: no such file or array, or arrays that do not fit.
    """
    arrays = read_arrays(Path(path), _HELP, _NAMES)
    labels = whole_numbers(arrays["labels"], "labels", path)
    ids, _ = numbering(arrays, len(labels), path, "")
    if higher_is_harder is None:
        higher_is_harder = bool(np.all(arrays.get("higher_is_harder", True)))
    return Reference(
        name=f"values in {path}",
        ids=ids,
        values=numbers(arrays["values"], "values", path),
        higher_is_harder=higher_is_harder,
        labels=labels,
        order=str(np.ravel(arrays["order"])[0]) if "order" in arrays else "a numbering it does not name",
    )


def write_values(path: Path, reference: Reference) -> None:
    """Keep a reference as an .npz that `values_file` reads."""
    write_whole(path, values_bytes(reference))


def values_bytes(reference: Reference) -> bytes:
    """The bytes of that file."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=reference.ids,
        values=reference.values,
        labels=reference.labels,
        order=reference.order,
        higher_is_harder=reference.higher_is_harder,
    )
    return buffer.getvalue()
