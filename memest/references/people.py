"""Labels that people gave, such as CIFAR-N (Wei et al. 2022): where they disagree with the dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from memest.arrays import read_arrays, whole_numbers
from memest.grammar.spec import split_list
from memest.references.base import OPTIONAL, REFERENCES, Reference, numbering
from memest.references.identity import Identity, Integers


@REFERENCES.register
def human_labels(*, path: str, name: str = "noisy_label", clean: str = "clean_label") -> Reference:
    """The share of people's labels that differ from the dataset's own, (N,) in [0, 1]. Higher is harder.

    Args:
        path: an .npz of the arrays of `CIFAR-100_human.pt` or `CIFAR-10_human.pt`.
        name: the array of people's labels, or several with commas between them: the share is then of these.
        clean: the array that must agree with the dataset's own labels.

    Raises:
        DataError: no such file or array, or arrays that do not fit.
    """
    names = split_list(name)
    identity, given = read_people(path, names, clean)
    apart_AN = np.array([given[each] != identity.labels for each in names])
    return Reference(
        f"{name} in {path}", identity.ids, apart_AN.mean(axis=0), True, identity.labels, identity.order
    )


def read_people(path: str, names: Sequence[str], clean: str) -> tuple[Identity, Mapping[str, Integers]]:
    """Which examples a file of people's labels is about, and their labels by name, (N,) each.

    Args:
        path: an .npz in the order of the dataset's own files, or with `ids`.
        names: the arrays of people's labels.
        clean: the array of the dataset's own labels.

    Raises:
        DataError: no such file or array, or arrays that are not whole numbers of one length.
    """
    needed = f"{', '.join(names)} and {clean}"
    expected = (
        f"expected {needed}, (N,) each; a .pt file is a pickle, which can run code when it is opened: if you "
        "trust it, save its arrays as an .npz"
    )
    arrays = read_arrays(Path(path), expected, (*names, clean), OPTIONAL)
    labels = whole_numbers(arrays[clean], clean, path)
    ids, order = numbering(arrays, len(labels), path, "torchvision")
    identity = Identity(path, ids, labels, order)
    given = {name: whole_numbers(arrays[name], name, path) for name in names}
    for values in given.values():
        Identity(f"{path}: each of {needed}", ids, values, order)  # of one length
    return identity, given
