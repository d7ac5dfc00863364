"""Label noise: labels that are wrong in a known way.

Axes: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memest.arrays import read_matrix
from memest.data.corruptions.base import CORRUPTIONS, count_to_move, moved_on
from memest.data.images import ImageSet, Integers
from memest.data.truth import Truth
from memest.errors import DataError, SettingError, UnknownNameError
from memest.grammar.values import PositiveShare
from memest.references import Identity, read_people

CLASS_MAPS: Mapping[str, Mapping[str, str]] = {
    "cifar10": {
        "truck": "automobile",
        "bird": "airplane",
        "deer": "horse",
        "cat": "dog",
        "dog": "cat",
    },
}
"""Which class is taken for which, by name (Patrini et al. 2017)."""


@CORRUPTIONS.register
def symmetric_noise(images: ImageSet, rng: np.random.Generator, *, rate: PositiveShare) -> Truth:
    """Move exactly ⌊rate·N⌋ labels, drawn without replacement, each to another class that occurs, uniformly.

    Raises:
        SettingError: the rate rounds to no example, or there is no other class to move to.
    """
    count, occurring = count_to_move("symmetric_noise", rate, images), images.occurring
    truth = Truth.untouched(images)
    chosen = rng.choice(len(images), count, replace=False)
    labels, changed = truth.labels.copy(), truth.changed.copy()
    labels[chosen] = moved_on(labels[chosen], rng.integers(1, len(occurring), count), occurring)
    changed[chosen] = True
    return replace(truth, labels=labels, changed=changed)


@CORRUPTIONS.register
def class_noise(
    images: ImageSet,
    rng: np.random.Generator,
    *,
    rate: PositiveShare | None = None,
    map: str = "next",
    matrix: str | None = None,
) -> Truth:
    """Asymmetric noise: classes are taken for certain others, as people do.

    Args:
        images: the clean set.
        rng: of the corruption alone.
        rate: the share of each class that `map` names whose labels move: exactly ⌊rate·n⌋ of its n examples.
        map: `next`, each class that occurs for the one after it and the last for the first; or `cifar10`, by
            class names (Patrini et al. 2017).
        matrix: instead of both, a .npy file (K, K): row k is the distribution of the label given to an
            example of class k.

    Raises:
        SettingError: both or neither of rate and matrix, an unknown map, or no label that would change.
        DataError: the matrix is not K × K, or a row is not a distribution.
    """
    if (rate is None) == (matrix is None):
        raise SettingError("class_noise takes rate=… with map=…, or matrix=path.npy, and not both")
    if matrix is not None:
        return _moved(images, _drawn(images, rng, _transitions(Path(matrix), len(images.classes))))
    labels, share = images.labels.copy(), Decimal(str(rate))
    for source, target in _class_map(map, images).items():
        members = np.flatnonzero(images.labels == source)
        labels[rng.choice(members, int(share * len(members)), replace=False)] = target
    return _moved(images, labels)


@CORRUPTIONS.register
def human_noise(
    images: ImageSet,
    rng: np.random.Generator,
    *,
    path: str,
    noisy: str = "noisy_label",
    clean: str = "clean_label",
) -> Truth:
    """Labels that people gave, such as CIFAR-N (Wei et al. 2022), from an .npz file.

    Args:
        images: the clean set; its ids are places in the file's arrays, or the file's own `ids`.
        rng: not drawn from.
        path: an .npz with one label for each example of the whole training set, in the order of the ids.
        noisy: the array of labels to train on.
        clean: the array that must agree with the dataset's own labels: proof that the order is the same.

    Raises:
        DataError: no such file or array, ids beyond its end, or clean labels that are not the dataset's.
    """
    people, labels = read_people(path, (noisy,), clean)
    dataset = Identity("the dataset", images.ids, images.labels, images.order)
    given = labels[noisy][people.locate(dataset)]
    if not ((given >= 0) & (given < len(images.classes))).all():
        raise DataError(f"{path}: {noisy} has labels outside 0…{len(images.classes) - 1}")
    return _moved(images, given)


def _moved(images: ImageSet, labels: Integers) -> Truth:
    changed = labels != images.labels
    if not changed.any():
        raise SettingError("this corruption would change no label; use a larger rate, or corruption=none")
    return replace(Truth.untouched(images), labels=labels, changed=changed)


def _class_map(name: str, images: ImageSet) -> dict[int, int]:
    """Positions of the classes that are taken for others."""
    if name == "next":
        occurring = images.occurring.tolist()
        return dict(zip(occurring, [*occurring[1:], *occurring[:1]], strict=True))
    if name not in CLASS_MAPS:
        raise UnknownNameError("class map", name, ["next", *CLASS_MAPS])
    named, classes = CLASS_MAPS[name], images.classes
    if missing := sorted({*named, *named.values()} - set(classes)):
        raise SettingError(f"map={name} speaks of class {missing[0]!r}, which this dataset does not have")
    return {classes.index(source): classes.index(target) for source, target in named.items()}


def _transitions(path: Path, classes: int) -> NDArray[np.float64]:
    expected = f"expected a ({classes}, {classes}) matrix whose rows are distributions"
    matrix_KK = read_matrix(path, expected)
    rows_fit = matrix_KK.shape == (classes, classes) and matrix_KK.dtype.kind in "fiu"
    if not rows_fit or not (np.abs(matrix_KK.sum(1) - 1) < 1e-6).all() or not (matrix_KK >= 0).all():
        raise DataError(f"{path} holds {matrix_KK.dtype} of shape {matrix_KK.shape}; {expected}")
    return np.asarray(matrix_KK, np.float64)


def _drawn(images: ImageSet, rng: np.random.Generator, matrix_KK: NDArray[np.float64]) -> Integers:
    """A label for each example from its class's row: where a uniform number falls in the row's sums."""
    upper_NK = np.cumsum(matrix_KK, axis=1)[images.labels]
    draws_N = rng.random(len(images)) * upper_NK[:, -1]
    return np.asarray((draws_N[:, None] >= upper_NK).sum(1), np.int64)
