"""A person's own images, from one .npz file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.arrays import read_arrays, whole_numbers
from memest.data.decoded import texts
from memest.data.images import ImageSet, Integers, Names, Split
from memest.data.sources.base import SETS, reading
from memest.data.sources.encoded import Holdout, held_out
from memest.errors import DataError
from memest.ids import Ids

_HELP = (
    "expected arrays images (N, H, W[, C]) and labels (N,), and, if you have them, ids and names (N,), "
    "classes (K,), test_images and test_labels"
)


@SETS.register
def npz(*, path: str, holdout: Holdout = 0.0) -> Split:
    """Arrays `images` and `labels`; optional `ids`, `classes`, `names`, `test_images`, `test_labels`.

    Pixels are uint8, or floats in [0, 1]. Nothing is known of what the images show, so they are not augmented
    unless the recipe says so. No pickled array is ever loaded.

    Args:
        path: of the file.
        holdout: the share held out as a test set, and not scored, class shares kept, where there is none.

    Raises:
        DataError: no such file, an array missing, of the wrong shape, not finite, or out of range.
    """
    with reading(path):
        return _split(read_arrays(Path(path), _HELP), path, holdout)


def _split(arrays: Mapping[str, NDArray[Any]], path: str, holdout: float) -> Split:
    images, labels = _pair(arrays, "", path)
    ids = _ids(arrays, len(labels), path)
    if ("test_images" in arrays) != ("test_labels" in arrays):
        raise DataError(f"{path} has one of test_images and test_labels but not the other; {_HELP}")
    classes = _classes(arrays, labels, path)
    if len(labels) and len(classes) < 2:
        raise DataError(f"{path} has one class only; there is nothing to tell apart")
    whole = ImageSet(images, labels, ids, classes, order=f"npz:{Path(path).name}", names=_names(arrays, path))
    if "test_images" in arrays:
        test_images, test_labels = _pair(arrays, "test_", path)
        test_ids = np.arange(len(test_labels))
        return Split(whole, ImageSet(test_images, test_labels, test_ids, classes, order=whole.order))
    if not holdout:
        return Split(whole, None)
    kept, out = held_out(labels, holdout, path)
    return Split(whole.take(kept), whole.take(out))


def _pair(arrays: Mapping[str, NDArray[Any]], prefix: str, path: str) -> tuple[NDArray[np.uint8], Integers]:
    for name in (f"{prefix}images", f"{prefix}labels"):
        if name not in arrays:
            raise DataError(f"{path} has no array {name!r} (it has {', '.join(arrays) or 'none'}); {_HELP}")
    return (
        _pixels(arrays[f"{prefix}images"], f"{prefix}images", path),
        whole_numbers(arrays[f"{prefix}labels"], f"{prefix}labels", path),
    )


def _pixels(raw: NDArray[Any], name: str, path: str) -> NDArray[np.uint8]:
    if raw.ndim == 3:
        raw = raw[..., None]
    if raw.ndim != 4:
        raise DataError(f"{name} in {path} must have shape (N, H, W) or (N, H, W, C), not {raw.shape}")
    if raw.dtype == np.uint8:
        return raw
    if not np.issubdtype(raw.dtype, np.floating):
        raise DataError(f"{name} in {path} must be uint8, or floats in [0, 1], not {raw.dtype}")
    if not np.isfinite(raw).all():
        raise DataError(f"{name} in {path} holds NaN or infinite values")
    if raw.size and (raw.min() < 0 or raw.max() > 1):
        raise DataError(
            f"{name} in {path} are floats in [{raw.min():g}, {raw.max():g}]; expected [0, 1], or uint8"
        )
    return np.round(raw * 255).astype(np.uint8)


def _ids(arrays: Mapping[str, NDArray[Any]], count: int, path: str) -> Integers:
    if "ids" not in arrays:
        return np.arange(count)
    ids = whole_numbers(arrays["ids"], "ids", path)
    Ids(ids, path)  # refuses an id that is there twice
    return ids


def _names(arrays: Mapping[str, NDArray[Any]], path: str) -> Names | None:
    if "names" not in arrays:
        return None
    if arrays["names"].dtype.kind != "U" or arrays["names"].ndim != 1:
        raise DataError(f"names in {path} must be text of shape (N,), not {arrays['names'].dtype}")
    return texts(arrays["names"].tolist())


def _classes(arrays: Mapping[str, NDArray[Any]], labels: Integers, path: str) -> tuple[str, ...]:
    if "classes" in arrays:
        names = arrays["classes"]
        if names.ndim != 1 or names.dtype.kind not in "Uiu":
            advice = "; decode them: np.char.decode(classes, 'utf-8')" if names.dtype.kind == "S" else ""
            raise DataError(
                f"classes in {path} must be text of shape (K,), not {names.dtype} {names.shape}{advice}"
            )
        return tuple(map(str, names.tolist()))
    largest = int(labels.max(initial=0))
    if largest > len(labels):
        raise DataError(
            f"labels in {path} go up to {largest} for {len(labels)} images; give classes (K,), or number "
            "them from 0: classes, labels = np.unique(labels, return_inverse=True)"
        )
    return tuple(map(str, range(largest + 1)))
