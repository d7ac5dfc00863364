"""Own images in parquet files, tar shards and TFRecords: the same images, labels and names as in a folder."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from memest.data import load_images
from memest.data.sources import tfrecord_index
from memest.errors import DataError

COUNT = 300
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (COUNT, 9, 9, 3), dtype=np.uint8)
NAMES = [f"{'ab'[n % 2]}/{n:03d}.png" for n in range(COUNT)]
IN_ORDER = sorted(range(COUNT), key=NAMES.__getitem__)
HAS_TENSORFLOW = (
    importlib.util.find_spec("tensorflow") or os.environ.get("MEMEST_TENSORFLOW") or "CI" in os.environ
)
"""Where CI runs it has to be there."""


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


WRITE_TFRECORD = """
import json, sys
import tensorflow as tf
request = json.load(sys.stdin)
def feature(value):
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes.fromhex(value)]))
for shard, rows in request.items():
    with tf.io.TFRecordWriter(shard) as writer:
        for row in rows:
            features = tf.train.Features(feature={name: feature(value) for name, value in row.items()})
            writer.write(tf.train.Example(features=features).SerializeToString())
"""


@cache
def tfrecords() -> dict[str, bytes]:
    """Two shards as of ImageNet, written by TensorFlow, by name."""
    rows = [
        {
            "image/encoded": ENCODED[n].hex(),
            "image/class/label": n % 2,
            "image/filename": NAMES[n].encode().hex(),
        }
        for n in IN_ORDER
    ]
    halves = {f"train-{k:05d}-of-00002": rows[k * COUNT // 2 :][: COUNT // 2] for k in range(2)}
    python = os.environ.get("MEMEST_TENSORFLOW", sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-c", WRITE_TFRECORD]
        subprocess.run(command, input=json.dumps(halves), text=True, check=True, cwd=folder)
        return {name: (Path(folder) / name).read_bytes() for name in halves}


def to_tfrecord(root: Path) -> None:
    """These shards in a folder."""
    root.mkdir(exist_ok=True)
    for name, content in tfrecords().items():
        (root / name).write_bytes(content)


tensorflow = pytest.mark.skipif(not HAS_TENSORFLOW, reason="needs TensorFlow, here or in MEMEST_TENSORFLOW")
WRITERS: dict[str, Callable[[Path], None]] = {"parquet": to_parquet, "arrow": to_arrow, "tar": to_tar}


@pytest.mark.parametrize("kind", [*WRITERS, pytest.param("tfrecord", marks=tensorflow)])
def test_every_kind_of_shard_gives_the_same_images(kind: str) -> None:
    """Pixels, labels, ids and file names are those that were written, in the order of the shards."""
    (WRITERS | {"tfrecord": to_tfrecord})[kind](Path("mine"))
    train = load_images("mine").train
    np.testing.assert_array_equal(np.asarray(train.images), PIXELS[IN_ORDER])
    assert train.labels.tolist() == [n % 2 for n in IN_ORDER]
    assert train.ids.tolist() == list(range(COUNT))
    assert train.names is not None
    ending = "" if kind == "tar" else ".png"
    assert train.names.tolist() == [NAMES[n].removesuffix(".png") + ending for n in IN_ORDER]
    assert train.classes == (("0", "1") if kind == "tfrecord" else ("a", "b"))
    again = load_images("mine").train
    assert again.fingerprint == train.fingerprint


def test_parts_are_told_apart_by_their_names() -> None:
    """Shards called test are the test set; where there are none, those called validation."""
    to_parquet(Path("mine"))
    to_parquet(Path("mine"), "validation", ROWS[:40])
    split = load_images("mine")
    assert split.test is not None
    assert (len(split.train), len(split.test)) == (COUNT, 40)
    to_parquet(Path("mine"), "test", ROWS[:60])
    split = load_images("mine")
    assert split.test is not None
    assert len(split.test) == 60


def test_columns_and_plain_bytes() -> None:
    """Other columns by keyword; bytes without a path are named by file and row; text labels are classes."""
    rows = [{"jpg": ENCODED[n], "kind": "xy"[n % 2]} for n in range(20)]
    parquet.write_table(pa.Table.from_pylist(rows), "mine.parquet")
    with pytest.raises(DataError, match=r"no column 'image' \(it has jpg, kind\)"):
        load_images("mine.parquet")
    train = load_images("parquet(mine.parquet, image=jpg, label=kind)").train
    assert train.classes == ("x", "y")
    assert train.names is not None
    assert train.names[3] == "mine.parquet#3"
    np.testing.assert_array_equal(np.asarray(train.images), PIXELS[:20])


def test_labels_in_json_beside_the_image() -> None:
    """`label='json:category'` reads an entry of each example's JSON file."""
    with tarfile.open("a.tar", "w") as shard:
        for n in range(12):
            note = json.dumps({"category": ["cat", "dog"][n % 2]}).encode()
            for name, content in ((f"{n:02d}.png", ENCODED[n]), (f"{n:02d}.json", note)):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))
    assert load_images("webdataset(a.tar, label='json:category')").train.classes == ("cat", "dog")
    with pytest.raises(DataError, match="has no entry 'kind'"):
        load_images("webdataset(a.tar, label='json:kind')")
    with pytest.raises(DataError, match=r"example 00 has no label \.cls \(it has png, json\)"):
        load_images("a.tar")


def cut(path: Path) -> None:
    """Take the last third away."""
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3 - 5])


@pytest.mark.parametrize(
    ("kind", "shard", "words"),
    [
        ("parquet", "train-00001-of-00002.parquet", "is damaged, cut short"),
        ("arrow", "train/data-00000-of-00001.arrow", "is damaged, cut short"),
        ("tar", "shard-000001.tar", r"cut short at example \d+ \(b/\d+\), near byte \d+"),
        pytest.param(
            "tfrecord", "train-00001-of-00002", r"cut short at record \d+, byte \d+ ", marks=tensorflow
        ),
    ],
)
def test_a_shard_that_is_cut_is_named(kind: str, shard: str, words: str) -> None:
    """With the record and the byte, where the format knows them."""
    (WRITERS | {"tfrecord": to_tfrecord})[kind](Path("mine"))
    cut(Path("mine") / shard)
    with pytest.raises(DataError, match=words) as refusal:
        load_images("mine")
    assert shard in str(refusal.value)


@tensorflow
def test_ids_may_be_those_of_a_folder_of_the_same_files() -> None:
    """`ids=names`: the places of the sorted names, whatever the order of the records."""
    to_tfrecord(Path("mine"))
    Path("mine/train-00000-of-00002").rename("mine/train-00002-of-00002")  # the halves in the other order
    train = load_images("tfrecord(mine, ids=names)").train
    assert train.names is not None
    order = np.argsort(train.ids)
    assert train.names[order].tolist() == sorted(NAMES)
    np.testing.assert_array_equal(np.asarray(train.images)[order], PIXELS[IN_ORDER])


INDEX_ODD = """
import json, sys
import tensorflow as tf
sys.path.insert(0, sys.argv[1])
import tfrecord_index
def example(**features):
    kinds = {int: ("int64_list", tf.train.Int64List), bytes: ("bytes_list", tf.train.BytesList)}
    made = {}
    for name, values in features.items():
        kind, of = kinds[type(values[0])]
        made[name] = tf.train.Feature(**{kind: of(value=values)})
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()
ODD = {
    "several": [example(image=[b"png"], label=[1, 2])],
    "number": [example(image=[7], label=[1])],
    "foreign": [b"\\xff\\xff no example"],
    "packed": [example(image=[b"png"], label=[1])],
    "empty": [],
    "words": [example(image=[b"png"], label=[word]) for word in (b"cat", b"dog")],
}
said = {}
for name, rows in ODD.items():
    with tf.io.TFRecordWriter(name, "GZIP" if name == "packed" else "") as writer:
        for row in rows:
            writer.write(row)
    try:
        asked = dict(root=".", shards=[name], out=f"{name}.npz", image="image", label="label", file="")
        tfrecord_index.index(asked)
    except tfrecord_index.Refused as refused:
        said[name] = str(refused)
json.dump(said, sys.stdout)
"""


@tensorflow
def test_records_that_do_not_fit_are_refused_in_one_line() -> None:
    """Several labels, an image that is a number, no example, a compressed shard; an empty shard is fine."""
    where = Path(tfrecord_index.__file__).parent
    python = os.environ.get("MEMEST_TENSORFLOW", sys.executable)
    done = subprocess.run([python, "-c", INDEX_ODD, where], check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    says = {
        "several": "several, record 0 has 2 values of 'label'",
        "number": "number, record 0: image holds no encoded image",
        "foreign": "foreign, record 0 ",
        "packed": "packed is compressed",
    }
    assert said.keys() == says.keys()
    for name, words in says.items():
        assert words in said[name]
        assert "\n" not in said[name]
    found = np.load("words.npz")
    assert found["label"].tolist() == [b"cat", b"dog"]
    assert found["name"].tolist() == [b"words#0", b"words#1"]
    assert len(np.load("empty.npz")["offset"]) == 0


@tensorflow
def test_a_feature_that_is_not_there_names_those_that_are() -> None:
    """In one line."""
    to_tfrecord(Path("mine"))
    held = r"\(it has image/class/label, image/encoded, image/filename\)"
    with pytest.raises(DataError, match=rf"record 0 has no feature 'label' {held}"):
        load_images("tfrecord(path=mine, label=label)")


def test_a_folder_without_shards_says_what_it_has() -> None:
    """And what was expected."""
    Path("mine").mkdir()
    Path("mine/a.txt").touch()
    with pytest.raises(DataError, match=r"holds no tar shards \(it has a\.txt\)"):
        load_images("webdataset(path=mine)")
