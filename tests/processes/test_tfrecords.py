"""Own images in TFRecords: TensorFlow writes and checks them; each start of it takes seconds."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shards import COUNT, ENCODED, IN_ORDER, NAMES, PIXELS, assert_as_written, cut

from memest.data import load_images
from memest.data.sources import tfrecord_index
from memest.errors import DataError

HAS_TENSORFLOW = (
    importlib.util.find_spec("tensorflow") or os.environ.get("MEMEST_TENSORFLOW") or "CI" in os.environ
)
"""Where CI runs it has to be there."""
pytestmark = pytest.mark.skipif(not HAS_TENSORFLOW, reason="needs TensorFlow, here or in MEMEST_TENSORFLOW")
HALVES = IN_ORDER[COUNT // 2 :], IN_ORDER[: COUNT // 2]
"""What the two shards hold: the records are not in the order of their names."""

WRITE_AND_INDEX = """
import json, sys
sys.path.insert(0, sys.argv[1])
import tfrecord_index
tfrecord_index.leave_out()
import tensorflow as tf
def example(**features):
    made = {}
    for name, values in features.items():
        if isinstance(values[0], int):
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            held = [bytes.fromhex(value) for value in values]
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=held))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()
def write(name, rows):
    with tf.io.TFRecordWriter(name, "GZIP" if name == "packed" else "") as writer:
        for row in rows:
            writer.write(bytes.fromhex(row) if isinstance(row, str) else example(**row))
said = {}
for name, rows in json.load(sys.stdin).items():
    write(name, rows)
    asked = dict(root=".", shards=[name], out=f"{name}.npz", image="image", label="label", file="")
    try:
        tfrecord_index.index(asked)
    except tfrecord_index.Refused as refused:
        said[name] = str(refused)
json.dump(said, sys.stdout)
"""


def features(n: int) -> dict[str, list[int | str]]:
    """An example as of ImageNet; bytes are in hexadecimal."""
    return {
        "image/encoded": [ENCODED[n].hex()],
        "image/class/label": [n % 2],
        "image/filename": [NAMES[n].encode().hex()],
    }


PNG = [b"png".hex()]
WRITTEN = {
    **{f"train-{k:05d}-of-00002": [features(n) for n in half] for k, half in enumerate(HALVES)},
    "several": [{"image": PNG, "label": [1, 2]}],
    "number": [{"image": [7], "label": [1]}],
    "foreign": [b"\xff\xff no example".hex()],
    "packed": [{"image": PNG, "label": [1]}],
    "empty": [],
    "words": [{"image": PNG, "label": [word.hex()]} for word in (b"cat", b"dog")],
}
"""The examples of each shard: two that belong together, and odd ones."""
HELD = "(it has image/class/label, image/encoded, image/filename)"
REFUSED = {
    "train-00000-of-00002": f"train-00000-of-00002, record 0 has no feature 'image' {HELD}",
    "train-00001-of-00002": f"train-00001-of-00002, record 0 has no feature 'image' {HELD}",
    "several": "several, record 0 has 2 values of 'label'",
    "number": "number, record 0: image holds no encoded image",
    "foreign": "foreign, record 0 ",
    "packed": "packed is compressed",
}
"""Why they are refused that have not one encoded image and one label, called so, in each record."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with these shards; `said.json` there is what was refused when they were indexed."""
    folder = tmp_path_factory.mktemp("tfrecords")
    python = os.environ.get("MEMEST_TENSORFLOW", sys.executable)
    command = [python, "-c", WRITE_AND_INDEX, str(Path(tfrecord_index.__file__).parent)]
    done = subprocess.run(
        command, input=json.dumps(WRITTEN), text=True, check=True, capture_output=True, cwd=folder
    )
    (folder / "said.json").write_text(done.stdout)
    return folder


@pytest.fixture
def mine(written: Path) -> Path:
    """The two shards alone, in a folder of this test."""
    Path("mine").mkdir()
    for shard in written.glob("train-*-of-00002"):
        shutil.copy(shard, "mine")
    return Path("mine")


def test_they_give_the_same_images_by_either_order_of_ids(mine: Path) -> None:
    """Those that were written, in the order of the shards; `ids=names`: the places of the sorted names."""
    assert_as_written(str(mine), "tfrecord", [n for half in HALVES for n in half])
    train = load_images("tfrecord(mine, ids=names)").train
    assert train.names is not None
    order = np.argsort(train.ids)
    assert train.names[order].tolist() == sorted(NAMES)
    np.testing.assert_array_equal(np.asarray(train.images)[order], PIXELS[IN_ORDER])


def test_a_shard_that_is_cut_is_named(mine: Path) -> None:
    """With the record and the byte."""
    cut(mine / "train-00001-of-00002")
    with pytest.raises(DataError, match=r"cut short at record \d+, byte \d+ ") as refusal:
        load_images("mine")
    assert "train-00001-of-00002" in str(refusal.value)


def test_records_that_do_not_fit_are_refused_in_one_line(written: Path) -> None:
    """No such feature, several labels, an image that is a number, no example, a compressed shard."""
    said = json.loads((written / "said.json").read_text())
    assert said.keys() == REFUSED.keys()
    for name, words in REFUSED.items():
        assert words in said[name]
        assert "\n" not in said[name]


def test_an_empty_shard_and_labels_in_words_are_fine(written: Path) -> None:
    """Without a feature of the file name, names are shard and record."""
    found = np.load(written / "words.npz")
    assert found["label"].tolist() == [b"cat", b"dog"]
    assert found["name"].tolist() == [b"words#0", b"words#1"]
    assert len(np.load(written / "empty.npz")["offset"]) == 0
