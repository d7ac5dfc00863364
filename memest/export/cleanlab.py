"""cleanlab's Datalab: labels, probabilities and a graph of nearest neighbours, and the lines that load them.

Axes: N examples, K classes, D features, M neighbours.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from memest.auditing.findings import Findings
from memest.data import ImageSet
from memest.export.base import EXPORTS, needed
from memest.files import write_whole
from memest.grammar.values import Within
from memest.store.tables import array_bytes, write_table

LOAD = '''"""The audit in cleanlab: python load.py, with cleanlab[datalab] and pandas installed."""

from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab import Datalab
from scipy.sparse import load_npz

here = Path(__file__).parent
examples = pd.read_parquet(here / "examples.parquet")
lab = Datalab(examples[["label"]].to_dict("list"), label_name="label")
lab.find_issues(pred_probs=np.load(here / "pred_probs.npy"), knn_graph=load_npz(here / "knn_graph.npz"))

if __name__ == "__main__":
    lab.report()
'''


@EXPORTS.register
def cleanlab(
    findings: Findings, images: ImageSet, folder: Path, *, neighbors: Annotated[int, Within(1, 100)] = 10
) -> None:
    """`examples.parquet`, `pred_probs.npy`, `knn_graph.npz` and `load.py`, which makes a Datalab of them.

    Labels are numbers of the classes that occur, as the columns of `pred_probs` are. Neighbours are near in
    the networks' features, by cosine; without these, in the probabilities.

    Args:
        neighbors: of each example.

    Raises:
        SettingError: findings without out-of-sample probabilities.
    """
    p_NK = needed(findings.probabilities, "out-of-sample probabilities", "cleanlab")
    occurring = np.unique(findings.labels)
    p_NK = p_NK[:, occurring].astype(np.float64)
    p_NK /= np.maximum(p_NK.sum(1, keepdims=True), 1e-12)
    names = np.array([findings.classes[k] for k in findings.labels], np.dtypes.StringDType())
    columns: dict[str, NDArray[Any]] = {
        "id": findings.ids,
        "file": np.array(findings.files, np.dtypes.StringDType()),
        "label": np.searchsorted(occurring, findings.labels).astype(np.int64),
        "class": names,
    }
    write_whole(folder / "examples.parquet", write_table(columns))
    write_whole(folder / "pred_probs.npy", array_bytes(p_NK))
    near = findings.features if findings.features is not None else p_NK
    write_whole(folder / "knn_graph.npz", _graph(near, min(neighbors, len(findings) - 1)))
    write_whole(folder / "load.py", LOAD.encode())


def _graph(features_ND: NDArray[Any], neighbors: int) -> bytes:
    """Distances to the nearest M, nearest first, as scipy's sparse matrix without a pickle, (N, N)."""
    from scipy.sparse import csr_matrix, save_npz
    from sklearn.neighbors import NearestNeighbors

    count = len(features_ND)
    found = NearestNeighbors(n_neighbors=neighbors, metric="cosine").fit(features_ND)
    distances_NM, places_NM = found.kneighbors()
    rows = np.arange(0, count * neighbors + 1, neighbors)
    graph = csr_matrix((distances_NM.ravel(), places_NM.ravel(), rows), shape=(count, count))
    content = io.BytesIO()
    save_npz(content, graph)
    return content.getvalue()
