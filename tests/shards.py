"""The same images in shards of every kind."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from memest.data import load_images

COUNT = 300
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (COUNT, 9, 9, 3), dtype=np.uint8)
NAMES = [f"{'ab'[n % 2]}/{n:03d}.png" for n in range(COUNT)]
IN_ORDER = sorted(range(COUNT), key=NAMES.__getitem__)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """An encoded image."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


ENCODED = [png(pixels) for pixels in PIXELS]
ROWS = [{"image": {"bytes": ENCODED[n], "path": NAMES[n]}, "label": n % 2} for n in IN_ORDER]
FEATURES = {"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}


def to_parquet(root: Path, part: str = "train", rows: list[Any] = ROWS) -> None:
    """Two files with several row groups, as Hugging Face's hub has them."""
    for k in range(2):
        table = pa.Table.from_pylist(rows[k * len(rows) // 2 : (k + 1) * len(rows) // 2])
        table = table.replace_schema_metadata({"huggingface": json.dumps(FEATURES)})
        root.mkdir(exist_ok=True)
        parquet.write_table(table, root / f"{part}-{k:05d}-of-00002.parquet", row_group_size=70)


def to_arrow(root: Path, part: str = "train") -> None:
    """What `save_to_disk` of a DatasetDict leaves: a stream of batches, and its features beside it."""
    folder = root / part
    folder.mkdir(parents=True)
    (root / "dataset_dict.json").write_text(json.dumps({"splits": [part]}))
    (folder / "state.json").write_text("{}")
    (folder / "dataset_info.json").write_text(json.dumps(FEATURES["info"]))
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as sink:
        sink.write_table(table, max_chunksize=64)


def to_tar(root: Path, part: str = "shard") -> None:
    """Two shards of pairs of an image and its class name."""
    root.mkdir(exist_ok=True)
    for k in range(2):
        with tarfile.open(root / f"{part}-{k:06d}.tar", "w") as shard:
            for n in IN_ORDER[k * COUNT // 2 : (k + 1) * COUNT // 2]:
                key = NAMES[n].removesuffix(".png")
                for ending, content in (("png", ENCODED[n]), ("cls", b"ab"[n % 2 : n % 2 + 1])):
                    member = tarfile.TarInfo(f"{key}.{ending}")
                    member.size = len(content)
                    shard.addfile(member, io.BytesIO(content))


def assert_as_written(path: str, kind: str, order: list[int] = IN_ORDER) -> None:
    """Pixels, labels, ids and file names are those that were written, in the order of the shards."""
    train = load_images(path).train
    np.testing.assert_array_equal(np.asarray(train.images), PIXELS[order])
    assert train.labels.tolist() == [n % 2 for n in order]
    assert train.ids.tolist() == list(range(COUNT))
    assert train.names is not None
    ending = "" if kind == "tar" else ".png"
    assert train.names.tolist() == [NAMES[n].removesuffix(".png") + ending for n in order]
    assert train.classes == (("0", "1") if kind == "tfrecord" else ("a", "b"))
    again = load_images(path).train
    assert again.fingerprint == train.fingerprint


def cut(path: Path) -> None:
    """Take the last third away."""
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3 - 5])
