"""C-scores: how consistently an example's label is predicted by networks that did not see it.

Source: Jiang et al. 2021, who publish `cifar10-cscores-orig-order.npz`, `cifar100-cscores-orig-order.npz`
and a file for ImageNet.
"""

from __future__ import annotations

from pathlib import Path

from memest.arrays import read_arrays, whole_numbers
from memest.references.base import OPTIONAL, REFERENCES, Reference, numbering, numbers

_HELP = "expected labels and scores, (N,) each, as in cifar100-cscores-orig-order.npz"


@REFERENCES.register
def c_scores(*, path: str) -> Reference:
    """C-scores, (N,) in [0, 1], from a downloaded .npz. Lower is harder: hardness is 1 − score.

    Arrays `labels` and `scores`, in the order of the dataset's own files; or with `filenames`, as for
    ImageNet; or with `ids`, as when the examples were read from TensorFlow Datasets.

    Raises:
        DataError: no such file or array, or arrays that do not fit.
    """
    arrays = read_arrays(Path(path), _HELP, ("labels", "scores"), OPTIONAL)
    labels = whole_numbers(arrays["labels"], "labels", path)
    ids, order = numbering(arrays, len(labels), path, "torchvision")
    values = numbers(arrays["scores"], "scores", path)
    return Reference(f"C-scores in {path}", ids, values, False, labels, order)
