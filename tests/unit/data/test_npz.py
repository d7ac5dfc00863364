"""Own images in an npz file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_sets import draw, write_npz

from memest.data import load_images
from memest.errors import DataError


def plant(path: Path, witness: Path) -> str:
    """An .npz with a pickled label that makes the file `witness` when it is unpickled."""

    class Planted:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (witness,)

    labels = np.empty(20, object)
    labels[:] = [Planted() for _ in range(20)]
    return write_npz(path, labels=labels)


def test_a_pickled_array_is_refused_and_never_run(tmp_path: Path) -> None:
    """A file from a stranger cannot run code: object arrays are not unpickled."""
    witness = tmp_path / "ran"
    spec = plant(tmp_path / "planted.npz", witness)
    with pytest.raises(DataError, match="a pickle that is never opened"):
        load_images(spec)
    assert not witness.exists()
    with np.load(tmp_path / "planted.npz", allow_pickle=True) as archive:
        _ = archive["labels"]
    assert witness.exists(), "the planted label would have run"


IMAGES = draw(20, classes=3).images


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": None}, r"no array 'images' \(it has labels, ids\)"),
        ({"labels": None}, "no array 'labels'"),
        ({"images": IMAGES[:, 0, 0]}, r"must have shape \(N, H, W\) or \(N, H, W, C\), not \(20, 1\)"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, "1 or 3 channels"),
        ({"images": IMAGES[:19]}, "19 images need as many labels"),
        ({"images": IMAGES.astype(np.int64)}, "uint8, or floats in"),
        ({"images": IMAGES / 1.0}, r"floats in \[0, 255\]; expected \[0, 1\]"),
        ({"images": IMAGES / 255 - 1}, r"floats in \[-1, 0\]"),
        ({"images": np.where(IMAGES > 9, np.nan, 0.5)}, "NaN or infinite"),
        ({"images": np.zeros((0, 8, 8)), "labels": np.zeros(0, int), "ids": None}, "at least one example"),
        ({"labels": np.full((20, 1), 1)}, r"whole numbers of shape \(N,\)"),
        ({"labels": np.full(20, 0.5)}, "whole numbers"),
        ({"labels": np.full(20, np.nan)}, "NaN or infinite"),
        ({"labels": np.array(list("abcdefghijklmnopqrst"))}, "whole numbers"),
        ({"labels": np.arange(20) - 1}, "has -1"),
        ({"labels": np.arange(20) % 4, "classes": np.array(["a", "b", "c"])}, r"0…2 \(3 classes\)"),
        (
            {"labels": np.arange(20) + 10**12},
            "labels in .* go up to 1000000000019 for 20 images; give classes",
        ),
        ({"classes": np.array("abc")}, r"classes in .* must be text of shape \(K,\)"),
        ({"ids": np.zeros(20, int)}, "ids must be unique"),
        ({"ids": np.arange(20) - 3}, "must not be negative, and one is -"),
        ({"ids": np.arange(19)}, "as many labels and ids"),
        ({"test_images": IMAGES}, "one of test_images and test_labels but not the other"),
        ({"labels": np.zeros(20, int), "classes": None}, "one class only"),
    ],
)
def test_an_npz_that_does_not_fit_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    """Every way in which a person's own file can be wrong has a message that says how."""
    spec = write_npz(tmp_path / "own.npz", **changes)
    with pytest.raises(DataError, match=words):
        load_images(spec)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    """A missing file says where it was looked for; a single array or a torn archive is no .npz."""
    with pytest.raises(DataError, match=r"no file .*away\.npz \(looked in .*\); expected arrays images"):
        load_images(f"npz(path={tmp_path}/away.npz)")
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("images")
    (tmp_path / "empty.npz").write_bytes(b"")
    for name, words in (
        ("one.npy", "a single array"),
        ("text.npz", "no .npz file"),
        ("empty.npz", "is empty"),
    ):
        with pytest.raises(DataError, match=words):
            load_images(f"npz(path={tmp_path / name})")


def test_a_damaged_npz_never_ends_in_a_foreign_error(tmp_path: Path) -> None:
    """Flip any byte of a compressed archive: it is read whole or refused as unreadable data."""
    path = tmp_path / "own.npz"
    images = draw(20, classes=3)
    np.savez_compressed(path, images=images.images, labels=images.labels)
    whole = path.read_bytes()
    kept = load_images(f"npz(path={path})").train.fingerprint
    refused = 0
    for position in range(0, len(whole), 5):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x11]) + whole[position + 1 :])
        try:
            assert load_images(f"npz(path={path})").train.fingerprint == kept
        except DataError:
            refused += 1
    assert refused > len(whole) / 10


def test_an_npz_gives_what_is_in_it(tmp_path: Path) -> None:
    """Ids, classes and a test set are taken from the file; floats become the nearest of 256 values."""
    images = draw(20, classes=3)
    spec = write_npz(
        tmp_path / "own.npz",
        images=images.images[..., 0] / 255,
        labels=images.labels.astype(np.float32),
        classes=np.array(["cat", "dog", "ant"]),
        test_images=images.images[:4],
        test_labels=images.labels[:4],
    )
    split = load_images(spec)
    assert split.train.fingerprint == replace(images, classes=("cat", "dog", "ant")).fingerprint
    assert split.train.classes == split.test.classes == ("cat", "dog", "ant")
    assert split.train.order == "npz:own.npz"
    assert len(split.test) == 4


def test_without_test_arrays_every_image_is_scored_unless_some_are_held_out(tmp_path: Path) -> None:
    """Training and test images share no id, together are all, and each class gives its share of the test."""
    labels = np.arange(60) % 10  # a class at every tenth place must not leave training as a whole
    spec = write_npz(tmp_path / "own.npz", images=np.repeat(IMAGES, 3, 0), labels=labels, ids=None)
    whole = load_images(spec)
    assert whole.test is None
    assert whole.train.ids.tolist() == list(range(60))
    split = load_images(f"{spec.removesuffix(')')}, holdout=0.1)")
    assert split.test is not None
    assert sorted([*split.train.ids, *split.test.ids]) == list(range(60))
    assert len(split.test) == 6
    assert np.bincount(split.train.labels, minlength=10).min() >= 5


def test_names_of_an_npz_go_with_its_images(tmp_path: Path) -> None:
    """An array of names is what the examples are called."""
    names = np.array([f"photo {n}.jpg" for n in range(20)])
    train = load_images(write_npz(tmp_path / "own.npz", names=names)).train
    assert train.names is not None
    assert train.take(np.array([3, 1])).names.tolist() == ["photo 3.jpg", "photo 1.jpg"]
