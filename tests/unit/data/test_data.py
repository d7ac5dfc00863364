"""Datasets and their identity, corruption and its truth, augmentation, batches."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from memest.data import SETS, ImageSet, Truth, corrupt, load_images
from memest.data.sources.base import stratified
from memest.errors import DataError, SettingError
from memest.loading import AUGMENTATIONS, Loader
from memest.seeding import Streams

OWN = {"npz": "own.npz", "folder": "own"}
"""Sources that read a path, and what lies there for each; shards have a file of tests of their own."""
DOWNLOADED = ("cifar10", "cifar100")
"""Sources whose files cannot be made here: torchvision compares their hashes."""


def draw(count: int = 40, classes: int = 10, size: int = 8, channels: int = 1, seed: int = 0) -> ImageSet:
    """Noise with labels, and ids that are neither sorted nor positions."""
    rng = np.random.default_rng(seed)
    return ImageSet(
        images=rng.integers(0, 256, (count, size, size, channels), dtype=np.uint8),
        labels=rng.permutation(np.arange(count) % classes),
        ids=rng.permutation(count) * 3 + 5,
        classes=tuple(f"class {k}" for k in range(classes)),
        order="drawn",
    )


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """`array` in the idx format, gzipped if the name says so."""
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, compresslevel=1) if path.suffix == ".gz" else content)


def write_npz(path: Path, **changes: Any) -> str:
    """The spec of an .npz file of 20 images in 3 classes; a change to None leaves the array out."""
    images = draw(20, classes=3)
    arrays = {"images": images.images, "labels": images.labels, "ids": images.ids} | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return f"npz(path={path})"


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with idx files of full size, in both places they may lie in, and an .npz."""
    root = tmp_path_factory.mktemp("data")
    for folder, suffix in ((root / "MNIST" / "raw", ""), (root / "FashionMNIST", ".gz")):
        folder.mkdir(parents=True)
        for part, count in (("train", 60_000), ("t10k", 10_000)):
            pixels = np.resize(np.arange(251, dtype=np.uint8), (count, 28, 28))
            write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", pixels)
            write_idx(folder / f"{part}-labels-idx1-ubyte", np.resize(np.arange(10, dtype=np.uint8), count))
    write_npz(root / "own.npz")
    for n, pixels in enumerate(draw(12).images):
        (root / "own" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(root / "own" / "ab"[n % 2] / f"{n}.png")
    return root


@pytest.fixture
def at_data(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder as the one in use."""
    monkeypatch.setenv("MEMEST_DATA", str(data_folder))
    return data_folder


@pytest.mark.parametrize(
    "name", [name for name in SETS if name not in {*DOWNLOADED, "parquet", "tfrecord", "webdataset"}]
)
def test_every_set_has_an_identity(name: str, at_data: Path) -> None:
    """Loading a source twice gives the same examples under the same unique ids, in train and test."""
    spec = f"{name}(path={at_data}/{OWN[name]})" if name in OWN else name
    first, again = load_images(spec), load_images(spec)
    assert first.test is not None or name in OWN
    for one, other in ((first.train, again.train), (first.test, again.test)):
        if one is None or other is None:
            continue
        assert len(np.unique(one.ids)) == len(one) > 0
        assert one.fingerprint == other.fingerprint
        assert np.array_equal(one.images, other.images)
        assert set(one.labels.tolist()) <= set(range(len(one.classes)))
        assert one.order and one.classes == first.train.classes
        assert AUGMENTATIONS.parse(one.augmentation)
    assert first.test is None or first.train.fingerprint != first.test.fingerprint


def test_idx_files_are_read_plain_and_gzipped(at_data: Path) -> None:
    """Both spellings give what was written, and ids are positions in the files."""
    mnist, fashion = load_images("mnist").train, load_images("fashion_mnist").train
    assert mnist.images.shape == (60_000, 28, 28, 1)
    assert np.array_equal(mnist.images.ravel()[:5000], np.arange(5000) % 251)
    assert mnist.fingerprint == replace(fashion, classes=mnist.classes).fingerprint
    assert np.array_equal(mnist.labels[:25], np.arange(25) % 10)
    assert np.array_equal(mnist.ids, np.arange(60_000))


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_set_that_is_not_there_says_what_to_put_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the folder, the archive to put there and the variable that moves the folder.

    The unpacked folder is there but half empty, so nothing is fetched over the network.
    """
    pytest.importorskip("torchvision")
    folder = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}[name]
    (tmp_path / folder).mkdir()
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    with pytest.raises(DataError) as refusal:
        load_images(name)
    for words in (str(tmp_path / folder), f"{name[:5]}-{name[5:]}-python.tar.gz", "MEMEST_DATA"):
        assert words in str(refusal.value)


def test_missing_idx_files_say_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists every folder looked in; a file in the folder's place keeps the network out of it."""
    pytest.importorskip("torchvision")
    (tmp_path / "MNIST").write_text("not a folder")
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    with pytest.raises(DataError) as refusal:
        load_images("mnist")
    for words in (str(tmp_path / "MNIST" / "raw"), "train-images-idx3-ubyte", "MEMEST_DATA"):
        assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "cut short"),
        (lambda path: path.write_bytes(b"\x1f\x8b" + bytes(50)), "is a gzip file"),
        (lambda path: write_idx(path, np.zeros((7, 28, 28), np.uint8)), r"holds \(7, 28, 28\), expected"),
    ],
    ids=["cut", "foreign", "short"],
)
def test_damaged_idx_files_are_named(
    damage: Callable[[Path], Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is cut, of another format or of another length is refused by name."""
    folder = tmp_path / "MNIST"
    folder.mkdir()
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((9, 28, 28), np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.zeros(9, np.uint8))
    damage(folder / "train-images-idx3-ubyte")
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    with pytest.raises(DataError, match=words) as refusal:
        load_images("mnist")
    assert str(folder / "train-images-idx3-ubyte") in str(refusal.value)


def test_digits_are_pinned() -> None:
    """The fingerprint that stored runs carry: if it changes, no stored run can be read any more."""
    digits = load_images("digits")
    assert (len(digits.train), len(digits.test)) == (1438, 359)
    assert digits.train.fingerprint == "3a47f05f7f9836e10c2cb3dd7e597988596fe72a6b050ac8ab994ba207009b17"
    assert digits.test.fingerprint == "6e6c673d404f11fe9962cfdd4ca41db53da5a34d6e51d19af9ae7599301fc531"


def test_the_fingerprint_hashes_classes_ids_labels_and_images() -> None:
    """Equal sets have equal fingerprints whatever their memory layout; one changed value changes it."""
    images = draw()
    witness = hashlib.sha256(json.dumps(images.classes).encode())
    for array, kind in ((images.ids, "<i8"), (images.labels, "<i8"), (images.images, "|u1")):
        witness.update(f"{kind}{array.shape}".encode() + array.tobytes())
    assert images.fingerprint == witness.hexdigest()
    assert replace(images, images=np.asfortranarray(images.images)).fingerprint == images.fingerprint

    pixels, labels, ids = images.images.copy(), images.labels.copy(), images.ids.copy()
    pixels[3, 2, 1, 0] ^= 1
    labels[3] = (labels[3] + 1) % 10
    ids[3] = 1
    changed = [replace(images, images=pixels), replace(images, labels=labels), replace(images, ids=ids)]
    turned = images.take(np.roll(np.arange(len(images)), 1))
    named = replace(images, classes=(*images.classes, "another"))
    assert len({s.fingerprint for s in [images, turned, named, *changed]}) == 6


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_those_of_the_scaled_pixels(channels: int) -> None:
    """Mean and deviation of each channel, against numpy; a constant channel is not blown up."""
    images = draw(channels=channels)
    images.images[..., -1] //= 3
    mean, deviation = images.statistics()
    scaled = images.images.astype(np.float64) / 255
    np.testing.assert_allclose(mean, scaled.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(deviation, scaled.std((0, 1, 2)), rtol=1e-6)
    images.images[..., 0] = 77
    assert images.statistics()[1][0] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": np.zeros((40, 8, 8, 1))}, "must be uint8"),
        ({"images": np.zeros((40, 8, 8), np.uint8)}, "must be uint8 of shape"),
        ({"images": np.zeros((40, 3, 32, 32), np.uint8)}, "1 or 3 channels"),
        ({"images": np.zeros((40, 7, 8, 1), np.uint8)}, "at least 8"),
        ({"images": np.zeros((39, 8, 8, 1), np.uint8)}, "39 images need as many labels and ids"),
        ({"labels": np.zeros((40, 1), np.int64)}, "as many labels"),
        ({"labels": np.zeros(40, np.int32)}, "must be int64, not int32"),
        ({"labels": np.full(40, 10)}, r"lie in 0…9 \(10 classes\); example \d+ has 10"),
        ({"labels": np.full(40, -1)}, "has -1"),
        ({"ids": np.zeros(40, np.int64)}, "unique"),
        ({"ids": np.arange(40) - 1}, "must not be negative, and one is -"),
    ],
)
def test_an_image_set_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    """Shapes, types, ids and labels are checked once, where the set is made."""
    with pytest.raises(DataError, match=words):
        replace(draw(), **changes)


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


@pytest.mark.parametrize("limit", [60, 97, 100, 333, 1000])
def test_a_limit_keeps_class_shares_and_ids(limit: int) -> None:
    """Each class keeps its share to within one example, in the set's own order, every time the same."""
    images = draw(1000)
    labels = np.sort(np.random.default_rng(1).choice(10, 1000, p=np.arange(1, 11) / 55))
    images = replace(images, labels=labels)
    chosen = stratified(images, limit)
    assert len(chosen) == limit
    shares = np.bincount(labels, minlength=10) * limit / 1000
    assert (abs(np.bincount(chosen.labels, minlength=10) - shares) <= 1).all()
    positions = [images.ids.tolist().index(i) for i in chosen.ids]
    assert positions == sorted(positions)
    assert chosen.fingerprint == images.take(np.array(positions)).fingerprint
    assert chosen.fingerprint == stratified(images, limit).fingerprint


def test_a_limit_that_cannot_be_kept_is_refused() -> None:
    """Too many images, or so few that a class would vanish, which a rare class does first."""
    images = replace(draw(100), labels=np.repeat([0, 1], [99, 1]))
    for limit, words in ((101, "at most the 100"), (1, "without an image"), (2, "without an image")):
        with pytest.raises(SettingError, match=words):
            stratified(images, limit)
    assert len(load_images("digits", 50).train) == 50
    assert len(load_images("digits", 50).test) == 359


@pytest.mark.parametrize("count", [100, 1438])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.29, 0.3, 0.57, 1 / 3, 1.0])
def test_symmetric_noise_moves_exactly_the_floor(rate: float, count: int) -> None:
    """⌊rate · N⌋ labels, with the rate as it is written, and no label moves to itself."""
    clean = draw(count)
    noisy, truth = corrupt(clean, f"symmetric_noise(rate={rate})", Streams(0))
    expected = math.floor(Fraction(str(rate)) * count)
    assert truth.changed.sum() == expected
    assert np.array_equal(truth.changed, noisy.labels != clean.labels)
    assert np.array_equal(truth.labels, noisy.labels)
    assert np.array_equal(truth.original_labels, clean.labels)
    assert np.array_equal(noisy.images, clean.images)
    assert (truth.partner_ids == -1).all()
    assert truth.spec == f"symmetric_noise(rate={rate})"


def test_symmetric_noise_is_uniform_over_examples_and_other_classes() -> None:
    """Chi-square below its 99.9 % quantile (26.1 at 8, 27.9 at 9 degrees of freedom), over one large draw."""
    clean = draw(40_000)
    noisy, truth = corrupt(clean, "symmetric_noise(rate=0.5)", Streams(0))
    moves = (noisy.labels - clean.labels)[truth.changed] % 10
    for counts, bound in (
        (np.bincount(moves, minlength=10)[1:], 26.1),
        (np.bincount(np.flatnonzero(truth.changed) * 10 // len(clean), minlength=10), 27.9),
    ):
        assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < bound


def test_symmetric_noise_that_would_change_nothing_is_refused() -> None:
    """A rate that rounds to no example, and a set of one class."""
    with pytest.raises(SettingError, match="would change 0 of 40 labels"):
        corrupt(draw(40), "symmetric_noise(rate=0.02)", Streams(0))
    with pytest.raises(SettingError, match="over 1 classes"):
        corrupt(draw(40, classes=1), "symmetric_noise(rate=0.5)", Streams(0))
    with pytest.raises(SettingError):
        corrupt(draw(40), "symmetric_noise(rate=0)", Streams(0))


def test_nothing_is_done_by_none() -> None:
    """The corruption `none` leaves the set and its fingerprint as they are."""
    clean = draw()
    same, truth = corrupt(clean, "none", Streams(0))
    assert same.fingerprint == clean.fingerprint
    assert not truth.changed.any()


def test_the_corruption_has_a_seed_of_its_own() -> None:
    """Changing it moves the damage and no other stream; the run's seed then moves all but the damage."""
    run, other_damage, other_run = Streams(1), Streams(1, corruption=7), Streams(2, corruption=7)
    for purpose in ("weights", "order", "augmentation", "probes", "dropout", "folds"):
        assert run.seed(purpose, 3) == other_damage.seed(purpose, 3)
        assert run.seed(purpose, 3) != other_run.seed(purpose, 3)
    spec = "symmetric_noise(rate=0.2)"
    by_run, moved, kept = (corrupt(draw(), spec, s)[0].fingerprint for s in (run, other_damage, other_run))
    assert by_run != moved
    assert moved == kept


def test_streams_are_independent_and_the_same_everywhere() -> None:
    """A seed follows from base, purpose and index alone, by a hash: pinned by computing it again."""
    digest = hashlib.sha256(b"5/order/17").digest()
    assert Streams(5).seed("order", 17) == int.from_bytes(digest[:8], "little") // 2
    purposes = ("weights", "order", "augmentation", "corruption", "probes", "dropout", "folds")
    seeds = {Streams(b).seed(p, i) for b in range(5) for p in purposes for i in range(50)}
    assert len(seeds) == 5 * len(purposes) * 50
    with pytest.raises(ValueError, match="unknown purpose 'wieghts'"):
        Streams(0).seed("wieghts")  # type: ignore[arg-type]


def test_the_truth_rebuilds_the_damaged_set() -> None:
    """Columns and back, applied to the clean set: the fingerprint that was trained on, without drawing."""
    clean = draw()
    noisy, truth = corrupt(clean, "symmetric_noise(rate=0.2)", Streams(0))
    again = Truth.from_columns(truth.columns(), truth.spec)
    for name, column in truth.columns().items():
        assert np.array_equal(column, again.columns()[name])
        assert column.dtype == again.columns()[name].dtype
    assert again.apply(clean).fingerprint == noisy.fingerprint != clean.fingerprint


def test_a_copied_image_is_its_partners() -> None:
    """Examples with a partner show the partner's clean image, found by id and not by position."""
    clean = draw()
    partners = np.full(len(clean), -1)
    partners[[3, 8, 11]] = clean.ids[[30, 3, 8]]
    shown = replace(Truth.untouched(clean), partner_ids=partners).apply(clean)
    for position, source in ((3, 30), (8, 3), (11, 8)):
        assert np.array_equal(shown.images[position], clean.images[source])
    others = np.setdiff1d(np.arange(len(clean)), [3, 8, 11])
    assert np.array_equal(shown.images[others], clean.images[others])
    assert not np.shares_memory(shown.images, clean.images)
    assert np.array_equal(shown.labels, clean.labels)


def test_the_truth_refuses_another_dataset() -> None:
    """Other ids, another order, other labels or a partner that is not there: not the same dataset."""
    clean = draw()
    truth = Truth.untouched(clean)
    turned = clean.take(np.arange(len(clean))[::-1].copy())
    relabelled = replace(clean, labels=(clean.labels + 1) % 10)
    for other, words in (
        (turned, "in another order"),
        (draw(39), "holds other examples than the stored truth: it lacks id"),
        (relabelled, "differ from the stored originals for 40 examples"),
    ):
        with pytest.raises(DataError, match=words):
            truth.apply(other)
    for stranger in (6, 10_000):
        with pytest.raises(DataError, match=f"the dataset has no id {stranger}"):
            replace(truth, partner_ids=np.full(len(clean), stranger)).apply(clean)


def generator(seed: int = 0) -> torch.Generator:
    """A torch generator on the CPU."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_a_crop_is_a_window_of_the_padded_image(kind: torch.dtype, padding: int, flip: bool) -> None:
    """Example by example: mirror, pad with zeros, cut a window out; from the same draws."""
    pixels = torch.from_numpy(draw(30, size=9, channels=3).images).permute(0, 3, 1, 2).to(kind)
    noise = generator()
    shifts = torch.randint(-padding, padding + 1, (2, 30, 1), generator=noise)
    mirrored = torch.randint(0, 2, (30, 1), generator=noise)
    spec = f"crop_flip(padding={padding})" if flip else f"crop(padding={padding})"
    cropped = AUGMENTATIONS.call(spec, pixels, generator())
    assert cropped.dtype == kind
    for n in range(30):
        image = pixels[n].flip(2) if flip and mirrored[n] else pixels[n]
        padded = torch.zeros(3, 9 + 2 * padding, 9 + 2 * padding, dtype=kind)
        padded[:, padding : padding + 9, padding : padding + 9] = image
        top, left = padding + int(shifts[0, n]), padding + int(shifts[1, n])
        assert torch.equal(cropped[n], padded[:, top : top + 9, left : left + 9])
    assert 0 < mirrored.sum() < 30
    assert len(shifts.unique()) == 2 * padding + 1


@pytest.mark.parametrize("spec", ["none", "crop(padding=0)"])
def test_no_augmentation_is_the_identity(spec: str) -> None:
    """Without a shift and without a flip the pixels are as they were."""
    pixels = torch.from_numpy(draw().images).permute(0, 3, 1, 2)
    assert torch.equal(AUGMENTATIONS.call(spec, pixels, generator()), pixels)


def loader(images: ImageSet) -> Loader:
    """The set on the CPU, normalised by its own statistics."""
    return Loader(images, images.statistics(), torch.device("cpu"))


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_hold_every_example_once_normalised(channels: int) -> None:
    """Whatever the size, batches give the set in its order, each channel with mean 0 and deviation 1."""
    images = draw(channels=channels)
    mean, deviation = images.statistics()
    expected = ((images.images / 255 - mean) / deviation).transpose(0, 3, 1, 2)
    for size in (1, 7, 40, 100):
        batches = list(loader(images).batches(size))
        assert torch.cat([b.ids for b in batches]).tolist() == images.ids.tolist()
        assert torch.cat([b.labels for b in batches]).tolist() == images.labels.tolist()
        pixels = torch.cat([b.images for b in batches]).numpy()
        assert pixels.dtype == np.float32
        np.testing.assert_allclose(pixels, expected, atol=1e-5)
        np.testing.assert_allclose(pixels.mean((0, 2, 3)), 0, atol=1e-5)
        np.testing.assert_allclose(pixels.std((0, 2, 3)), 1, atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_read_only_pixels_are_loaded_without_a_word() -> None:
    """Arrays that a file was read into cannot be written; PyTorch's warning of that reaches nobody."""
    images = draw()
    images.images.flags.writeable = False
    assert len(list(loader(images).batches(16))) == 3


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(40, 16, [16, 16, 8]), (41, 20, [20, 21]), (41, 40, [41]), (40, 100, [40]), (1, 8, [1]), (3, 1, [1, 2])],
)
def test_training_batches_hold_every_example_once(count: int, size: int, sizes: list[int]) -> None:
    """Shuffled, with labels and pixels of their ids; a last batch of one joins the batch before it."""
    images = draw(count)
    batches = list(loader(images).training_batches(size, 1, "none", Streams(0)))
    assert [len(b.ids) for b in batches] == sizes
    ids = torch.cat([b.ids for b in batches])
    assert sorted(ids.tolist()) == sorted(images.ids)
    assert count < 10 or ids.tolist() != images.ids.tolist()
    whole = next(loader(images).batches(count))
    positions = [images.ids.tolist().index(i) for i in ids.tolist()]
    assert torch.equal(torch.cat([b.images for b in batches]), whole.images[positions])
    assert torch.equal(torch.cat([b.labels for b in batches]), whole.labels[positions])


def test_order_and_augmentation_follow_seed_and_epoch_alone() -> None:
    """Not what was drawn before, not the corruption's seed; another epoch or seed gives another order."""

    def epoch(number: int, streams: Streams, size: int = 16) -> tuple[list[int], torch.Tensor]:
        batches = list(loader(draw()).training_batches(size, number, "crop(padding=2)", streams))
        return torch.cat([b.ids for b in batches]).tolist(), torch.cat([b.images for b in batches])

    ids, pixels = epoch(3, Streams(0))
    torch.rand(5)
    state = torch.get_rng_state()
    ids_again, pixels_again = epoch(3, Streams(0, corruption=9))
    assert ids_again == ids
    assert torch.equal(pixels_again, pixels)
    assert torch.equal(torch.get_rng_state(), state)
    assert epoch(3, Streams(0), size=7)[0] == ids
    assert epoch(4, Streams(0))[0] != ids
    assert epoch(3, Streams(1))[0] != ids


def test_auto_is_the_augmentation_that_the_set_names() -> None:
    """A set knows which changes leave its labels true; `auto` asks it."""
    images = replace(draw(), augmentation="crop(padding=2)")
    named, auto, without = (
        torch.cat([b.images for b in loader(images).training_batches(16, 1, spec, Streams(0))])
        for spec in ("crop(padding=2)", "auto", "none")
    )
    assert torch.equal(named, auto)
    assert not torch.equal(named, without)


def test_names_of_an_npz_go_with_its_images(tmp_path: Path) -> None:
    """An array of names is what the examples are called."""
    names = np.array([f"photo {n}.jpg" for n in range(20)])
    train = load_images(write_npz(tmp_path / "own.npz", names=names)).train
    assert train.names is not None
    assert train.take(np.array([3, 1])).names.tolist() == ["photo 3.jpg", "photo 1.jpg"]
