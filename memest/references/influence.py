"""Memorization and influence by retraining on subsets, as Feldman and Zhang 2020 published them.

    mem(S, zᵢ) = Pr[g_S(xᵢ) = yᵢ] − Pr[g_{S∖i}(xᵢ) = yᵢ]

Axes: P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memest.arrays import read_arrays, whole_numbers
from memest.errors import DataError
from memest.metrics import Floats
from memest.references.base import OPTIONAL, REFERENCES, Reference, numbering, numbers
from memest.references.identity import Integers

_HELP = "expected tr_labels and tr_mem, (N,) each, as in cifar100_infl_matrix.npz and imagenet_index.npz"
_PAIRS = "expected tr_idx, tt_idx, infl and mem, (P,) each"
_ROUNDING = 1e-3


@REFERENCES.register
def feldman_zhang(*, path: str) -> Reference:
    """Memorization, (N,) at most 1, from a downloaded .npz. Higher is harder.

    Arrays `tr_labels` and `tr_mem`, for CIFAR-100 in the order of the dataset's own files; for ImageNet with
    `tr_filenames`. Influence matrices in the same file are not read.

    Raises:
        DataError: no such file or array, or arrays that do not fit.
    """
    named = {f"tr_{name}": name for name in OPTIONAL}
    arrays = read_arrays(Path(path), _HELP, ("tr_labels", "tr_mem"), tuple(named))
    labels = whole_numbers(arrays["tr_labels"], "tr_labels", path)
    which = {named[name]: array for name, array in arrays.items() if name in named}
    ids, order = numbering(which, len(labels), path, "torchvision")
    values = numbers(arrays["tr_mem"], "tr_mem", path)
    return Reference(f"memorization in {path}", ids, values, True, labels, order)


@dataclass(frozen=True)
class InfluencePairs:
    """Pairs of a training and a test example, the first of which raises the accuracy on the second.

    Attributes:
        train_ids: (P,) int64.
        test_ids: (P,) int64.
        influence: (P,) float64, the difference in accuracy on the test example.
        memorization: (P,) float64, of the training example.
    """

    train_ids: Integers
    test_ids: Integers
    influence: Floats
    memorization: Floats


def feldman_zhang_pairs(path: str, reference: Reference) -> InfluencePairs:
    """The pairs of high influence, from a downloaded .npz, in the numbering of `reference`.

    The file has no labels: that each pair's `mem` is the memorization of its training example in
    `reference` is the proof that both number the examples alike.

    Args:
        path: of the pairs file.
        reference: from `feldman_zhang`, of the same dataset.

    Raises:
        DataError: no such file or array, arrays that do not fit, or memorization that is another.
    """
    arrays = read_arrays(Path(path), _PAIRS, ("tr_idx", "tt_idx", "infl", "mem"), ())
    train, test = (whole_numbers(arrays[name], name, path) for name in ("tr_idx", "tt_idx"))
    influence, memorization = (numbers(arrays[name], name, path) for name in ("infl", "mem"))
    if not train.shape == test.shape == influence.shape == memorization.shape:
        raise DataError(f"{path} has arrays of different lengths; {_PAIRS}")
    if len(unknown := np.setdiff1d(train, np.arange(len(reference.ids)))):
        raise DataError(f"{path} speaks of training example {unknown[0]}, {reference.name} has none")
    apart_P = np.abs(reference.values[train] - memorization) > _ROUNDING
    if apart_P.any():
        raise DataError(
            f"{path}: mem differs from {reference.name} for {apart_P.sum()} of {len(apart_P)} pairs "
            f"(training examples {train[apart_P][:5].tolist()}): of another dataset, or another order"
        )
    return InfluencePairs(reference.ids[train], test, influence, memorization)
