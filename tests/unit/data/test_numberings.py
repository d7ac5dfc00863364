"""Two numberings of the same images have two names; folders called like parts may be classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memest.data import ImageSet, load_images
from memest.data.sources import tfrecord as source
from memest.errors import DataError


def photos(*names: str, root: str = "photos") -> None:
    """An image of its own for each name."""
    for n, name in enumerate(names):
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 * n).save(path)


def classes_of(images: ImageSet) -> list[str]:
    """The class of each example, by name."""
    return [images.classes[k] for k in images.labels]


def test_ids_of_a_column_are_another_numbering() -> None:
    """The same folder, its ids from the table or positions: the order says which."""
    photos("a.png", "b.png")
    Path("photos/metadata.csv").write_text("file_name,label,id,other\na.png,cat,1,7\nb.png,dog,0,9\n")
    found = {i: load_images(f"folder(path=photos{i})").train for i in ("", ", id=id", ", id=other")}
    assert [images.order for images in found.values()] == [
        "folder:photos",
        "folder:photos by id",
        "folder:photos by other",
    ]
    assert len({images.fingerprint for images in found.values()}) == 3


def test_records_by_file_name_are_another_numbering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions in the shards, and among the sorted names: TensorFlow itself is not asked."""
    photos("z.png", "b.png", "m.png")
    Path("photos/one.tfrecord").write_bytes(b"".join(Path("photos", f"{n}.png").read_bytes() for n in "zbm"))
    sizes = [Path("photos", f"{n}.png").stat().st_size for n in "zbm"]
    rows = {
        "name": ["z.png", "b.png", "m.png"],
        "label": np.array([0, 1, 0]),
        "shard": np.zeros(3, int),
        "offset": np.cumsum([0, *sizes[:-1]]),
        "length": np.array(sizes),
    }
    monkeypatch.setattr(source, "_found", lambda *_: rows)
    found = {ids: load_images(f"tfrecord(path=photos, ids={ids})").train for ids in ("shards", "names")}
    assert {ids: (images.order, images.ids.tolist()) for ids, images in found.items()} == {
        "shards": ("tfrecord:photos", [0, 1, 2]),
        "names": ("tfrecord:photos by image/filename", [2, 0, 1]),
    }
    assert found["shards"].fingerprint != found["names"].fingerprint


@pytest.mark.parametrize("outer", ["veh", "veh/train"])
def test_classes_may_be_called_like_parts(outer: str) -> None:
    """Below the training part the folders are classes: a vehicle that is a train, and a test."""
    photos("train/1.png", "train/2.png", "test/3.png", "bus/4.png", root=f"{outer}/train")
    split = load_images("folder(path=veh)" if outer == "veh" else "folder(path=veh/train)")
    assert split.test is None
    assert classes_of(split.train) == ["bus", "test", "train", "train"]


def test_classes_that_are_all_called_like_parts() -> None:
    """No image of a class leaves for a test set; a table that names the classes is read alike."""
    photos("train/1.png", "train/2.png", "test/3.png", root="veh/train")
    split = load_images("folder(path=veh)")
    assert split.test is None
    assert classes_of(split.train) == ["test", "train", "train"]
    rows = "".join(
        f"{name},{name.partition('/')[0]}\n" for name in ("train/1.png", "train/2.png", "test/3.png")
    )
    Path("veh/train/metadata.csv").write_text(f"file_name,label\n{rows}")
    again = load_images("folder(path=veh/train)")
    assert again.test is None
    assert again.train.fingerprint == split.train.fingerprint


def test_a_part_that_holds_images_and_no_classes_is_said_to_be_one() -> None:
    """The reader of the message may have meant a class."""
    photos("train/1.png", "test/2.png", root="veh")
    with pytest.raises(DataError, match="train is taken for a part of veh, not for a class"):
        load_images("folder(path=veh)")
