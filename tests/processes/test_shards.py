"""Own images in parquet files and tar shards: the same images, labels and names as in a folder."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from shards import COUNT, ENCODED, PIXELS, ROWS, assert_as_written, cut, to_arrow, to_parquet, to_tar

from memest.data import load_images
from memest.errors import DataError

WRITERS: dict[str, Callable[[Path], None]] = {"parquet": to_parquet, "arrow": to_arrow, "tar": to_tar}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_shard_gives_the_same_images(kind: str) -> None:
    """Pixels, labels, ids and file names are those that were written, in the order of the shards."""
    WRITERS[kind](Path("mine"))
    assert_as_written("mine", kind)


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


@pytest.mark.parametrize(
    ("kind", "shard", "words"),
    [
        ("parquet", "train-00001-of-00002.parquet", "is damaged, cut short"),
        ("arrow", "train/data-00000-of-00001.arrow", "is damaged, cut short"),
        ("tar", "shard-000001.tar", r"cut short at example \d+ \(b/\d+\), near byte \d+"),
    ],
)
def test_a_shard_that_is_cut_is_named(kind: str, shard: str, words: str) -> None:
    """With the record and the byte, where the format knows them."""
    WRITERS[kind](Path("mine"))
    cut(Path("mine") / shard)
    with pytest.raises(DataError, match=words) as refusal:
        load_images("mine")
    assert shard in str(refusal.value)


def test_a_folder_without_shards_says_what_it_has() -> None:
    """And what was expected."""
    Path("mine").mkdir()
    Path("mine/a.txt").touch()
    with pytest.raises(DataError, match=r"holds no tar shards \(it has a\.txt\)"):
        load_images("webdataset(path=mine)")
