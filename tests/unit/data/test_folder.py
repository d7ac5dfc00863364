"""Own images in folders: which file is which, how each is made alike, and what is refused."""

from __future__ import annotations

import io
import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from memest.data import ImageSet, Split, corrupt, load_images
from memest.data.decoded import cache_entries
from memest.data.images import _check
from memest.data.mapped import MappedImages
from memest.errors import DataError, SettingError
from memest.seeding import Streams

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 10, 10, 3), dtype=np.uint8)


def put(path: str | Path, image: Any, **options: Any) -> Path:
    """Write an array, a Pillow image or bytes as a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image, bytes):
        path.write_bytes(image)
        return path
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)
    return path


def photos(root: str = "photos", count: int = 12, pixels: NDArray[np.uint8] = PIXELS) -> Path:
    """Class folders of PNG files: every third is a dog, the others are cats."""
    for n in range(count):
        put(f"{root}/{'dog' if n % 3 == 0 else 'cat'}/{n:02d}.png", pixels[n])
    return Path(root)


def pixels_of(images: ImageSet) -> NDArray[np.uint8]:
    """All pixels, in memory."""
    return np.asarray(images.images)


def test_class_folders_are_read_in_the_order_of_their_paths() -> None:
    """Ids are positions among the sorted paths; pixels of that size come back to the byte."""
    train = load_images(f"folder(path={photos()})").train
    order = [n for n in range(12) if n % 3] + [n for n in range(12) if n % 3 == 0]
    assert train.classes == ("cat", "dog")
    assert train.names is not None
    assert train.names.tolist() == [f"{'cat' if n % 3 else 'dog'}/{n:02d}.png" for n in order]
    assert train.ids.tolist() == list(range(12))
    assert train.labels.tolist() == [0] * 8 + [1] * 4
    np.testing.assert_array_equal(pixels_of(train), PIXELS[order])


def test_every_image_is_scored_unless_some_are_held_out() -> None:
    """Without a test set none is made; a share asked for keeps class shares and is no longer trained on."""
    whole = load_images(f"folder(path={photos()})")
    assert whole.test is None
    assert len(whole.train) == 12
    parted = load_images("folder(path=photos, holdout=0.25)")
    assert parted.test is not None
    assert (len(parted.train), len(parted.test)) == (9, 3)
    assert np.bincount(parted.train.labels).tolist() == [6, 3]
    assert not set(parted.train.ids) & set(parted.test.ids)


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "val"), ("train", "validation")])
def test_a_test_folder_is_the_test_set(train: str, test: str) -> None:
    """Beside a folder of training images; its classes are those of the training images."""
    photos(f"all/{train}")
    photos(f"all/{test}", 6)
    split = load_images("folder(path=all)")
    assert split.test is not None
    assert (len(split.train), len(split.test)) == (12, 6)
    assert split.test.classes == split.train.classes == ("cat", "dog")


def test_a_class_may_be_called_train() -> None:
    """Only where all folders are parts of a dataset are they read as such."""
    for n, name in enumerate(("train", "car", "train", "car")):
        put(f"vehicles/{name}/{n}.png", PIXELS[n])
    split = load_images("folder(path=vehicles)")
    assert split.train.classes == ("car", "train")
    assert split.test is None


def write_table(kind: str, rows: list[dict[str, Any]], root: str = "photos") -> None:
    """A metadata table in one of the formats of Hugging Face's imagefolder."""
    path = Path(root) / f"metadata.{kind}"
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)


def rows(count: int = 12) -> list[dict[str, Any]]:
    """A row for each file of `photos`, last first, with labels of their own."""
    return [
        {
            "file_name": f"{'cat' if n % 3 else 'dog'}/{n:02d}.png",
            "label": ["old", "new"][n % 2],
            "number": 900 + n,
        }
        for n in reversed(range(count))
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_names_files_and_labels(kind: str) -> None:
    """Its labels count, not the folders; a column of ids is theirs; the order is that of the paths."""
    photos()
    write_table(kind, rows())
    train = load_images("folder(path=photos, id=number)").train
    assert train.classes == ("new", "old")
    assert train.names is not None
    numbers = [int(name[4:6]) for name in train.names.tolist()]
    assert train.ids.tolist() == [900 + n for n in numbers]
    assert [train.classes[k] for k in train.labels] == [["old", "new"][n % 2] for n in numbers]
    np.testing.assert_array_equal(pixels_of(train), PIXELS[numbers])


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_columns_may_have_other_names(kind: str) -> None:
    """File and label by keyword."""
    photos()
    write_table(kind, [{"where": row["file_name"], "what": row["label"]} for row in rows()])
    assert load_images("folder(path=photos, file=where, label=what)").train.classes == ("new", "old")
    with pytest.raises(DataError, match=r"no column 'file_name' \(it has where, what\)"):
        load_images("folder(path=photos)")


def test_numbers_are_classes_in_their_order_and_zeros_in_front_are_kept() -> None:
    """10 comes after 9; 007 is a name."""
    photos()
    for labels, classes in (([10, 9], ("9", "10")), (["007", "7"], ("007", "7"))):
        write_table("csv", [row | {"label": labels[n % 2]} for n, row in enumerate(rows())])
        assert load_images("folder(path=photos)").train.classes == classes


def table(change: Any) -> None:
    """Photos with a table in which `change` altered the rows."""
    photos()
    listed = rows()
    change(listed)
    write_table("jsonl", listed)


def empty_folder() -> None:
    """No file at all."""
    Path("photos").mkdir()


def one_class() -> None:
    """Cats only."""
    put("photos/cat/a.png", PIXELS[0])
    put("photos/cat/b.png", PIXELS[1])


def two_spellings() -> None:
    """Classes that differ in case."""
    put("photos/Cat/a.png", PIXELS[0])
    put("photos/cat/b.png", PIXELS[1])


def loose_file() -> None:
    """A file beside the class folders."""
    photos()
    put("photos/stray.png", PIXELS[0])


BAD = {
    "an empty folder": (empty_folder, "has no images"),
    "one class only": (one_class, "has one class only, 'cat', in 2 images"),
    "classes that differ in case": (two_spellings, "'Cat' and 'cat', which differ in case"),
    "a file without a label": (loose_file, r"1 files in photos lie in no class folder, such as stray\.png"),
    "a row without a file": (
        lambda: table(lambda t: t[0].update(file_name="cat/none.png")),
        r"1 rows without a file, 1 files without a row: cat/none\.png; ",
    ),
    "a file without a row": (lambda: table(lambda t: t.pop()), r"0 rows without a file, 1 files without"),
    "the same file twice": (lambda: table(lambda t: t.append(t[3])), r"names the file .* in 2 rows"),
    "a name that climbs out": (
        lambda: table(lambda t: t[0].update(file_name="../secret.png")),
        r"'\.\./secret\.png', which does not lie below photos",
    ),
    "an absolute name": (lambda: table(lambda t: t[0].update(file_name="/etc/x.png")), "does not lie below"),
    "a label that is missing": (lambda: table(lambda t: t[2].update(label=None)), "has no label"),
    "a label that is a list": (
        lambda: [photos(), write_table("jsonl", [r | {"label": [1]} for r in rows()])],
        "text or whole",
    ),
    "no table": (lambda: [photos(), put("photos/metadata.jsonl", b"{{{{")], "cannot be read as a table"),
    "no folder": (lambda: None, "there is no folder photos"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_folder_that_does_not_fit_is_refused_in_one_line(name: str) -> None:
    """What is wrong, how many, which first, and nothing kept."""
    make, words = BAD[name]
    make()
    with pytest.raises(DataError, match=words) as refusal:
        load_images("folder(path=photos)")
    assert "photos" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not list(cache_entries())


def test_a_class_with_one_example_is_refused_where_it_cannot_be_learned() -> None:
    """Trained on as it is; but no fold and no held-out share may be left without it."""
    photos()
    put("photos/bird/lone.png", PIXELS[0])
    train = load_images("folder(path=photos)").train
    assert train.classes == ("bird", "cat", "dog")
    from memest.data import plan

    with pytest.raises(SettingError, match="'bird': it has one example only"):
        plan(train, "k_fold(folds=3)", Streams(0))
    with pytest.raises(DataError, match="leaves a class without any"):
        load_images("folder(path=photos, holdout=0.9)")


@pytest.mark.parametrize("root", ["my photos", "фото ~ été", "a,b [c] 'd'"])
def test_any_path_will_do(root: str) -> None:
    """Spaces, other alphabets, a tilde, and the marks of the grammar."""
    photos(root)
    put(f"{root}/cat/œuf, 'no' [1].png", PIXELS[0])
    train = load_images(f'folder(path="{root}")').train
    assert train.names is not None
    assert "cat/œuf, 'no' [1].png" in train.names.tolist()
    assert load_images(root).train.fingerprint == train.fingerprint


def test_what_cannot_be_read_is_listed_or_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Each with its reason; left out on demand, with the ids of the others as they were."""
    photos()
    whole = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(whole, "JPEG")
    bad = {
        "cat/cut.jpg": whole.getvalue()[:-200],
        "cat/empty.png": b"",
        "cat/note.txt": b"not a picture",
        "dog/pointer.png": b"version https://git-lfs.github.com/spec/v1\n",
    }
    for name, content in bad.items():
        put(f"photos/{name}", content)
    with pytest.raises(DataError) as refusal:
        load_images("folder(path=photos)")
    for words in (
        "4 of 16 images in photos cannot be read",
        "cat/cut.jpg (image file is truncated",
        "cat/empty.png (an empty file)",
        "cat/note.txt (not an image that Pillow reads)",
        "git lfs pull",
        "on_error=skip",
    ):
        assert words in str(refusal.value)
    split = load_images("folder(path=photos, on_error=skip)")
    assert set(split.left_out) == set(bad)
    assert len(split.train) == 12
    assert split.train.ids.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14]
    assert "4 of 16 images" in caplog.text
    _check(split.train)


def test_rows_and_files_that_do_not_meet_can_be_left_out() -> None:
    """On demand, counted by name with the reason."""
    table(lambda t: t[0].update(file_name="cat/none.png"))
    split = load_images("folder(path=photos, on_error=skip)")
    assert len(split.train) == 11
    assert split.left_out == {
        "cat/none.png": "named in metadata.jsonl, and no such file",
        "cat/11.png": "not named in metadata.jsonl, so without a label",
    }


def test_images_on_disk_behave_as_in_memory() -> None:
    """Limit, take, corruptions and fingerprints give what the same arrays in memory give."""
    photos(count=12)
    on_disk = load_images("folder(path=photos)").train
    assert isinstance(on_disk.images, MappedImages)
    in_memory = ImageSet(
        pixels_of(on_disk), on_disk.labels, on_disk.ids, on_disk.classes, on_disk.order, names=on_disk.names
    )
    limited = load_images("folder(path=photos)", limit=6).train
    assert isinstance(limited.images, MappedImages)
    np.testing.assert_array_equal(pixels_of(limited), pixels_of(on_disk)[limited.ids])
    for spec in ("symmetric_noise(rate=0.3)", "conflicting_duplicates(pairs=3)"):
        damaged, truth = corrupt(on_disk, spec, Streams(1))
        expected, _ = corrupt(in_memory, spec, Streams(1))
        assert isinstance(damaged.images, MappedImages)
        np.testing.assert_array_equal(pixels_of(damaged), pixels_of(expected))
        np.testing.assert_array_equal(damaged.labels, expected.labels)
        assert truth.apply(on_disk).fingerprint == damaged.fingerprint != on_disk.fingerprint
    backwards = np.arange(12)[::-1].copy()
    np.testing.assert_array_equal(pixels_of(on_disk.take(backwards)), pixels_of(on_disk)[backwards])
    for one, other in zip(on_disk.statistics(), in_memory.statistics(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_one_changed_pixel_changes_the_fingerprint() -> None:
    """Of images on disk too; and a source that changed is decoded anew, which is said."""
    photos()
    before = load_images("folder(path=photos)").train
    changed = PIXELS[1].copy()
    changed[0, 0, 0] ^= 1
    put("photos/cat/01.png", changed)
    after = load_images("folder(path=photos)").train
    assert before.fingerprint != after.fingerprint
    np.testing.assert_array_equal(pixels_of(after)[0], changed)


def test_a_changed_source_replaces_what_was_decoded(caplog: pytest.LogCaptureFixture) -> None:
    """One line says so, and the old pixels go."""
    photos()
    load_images("folder(path=photos)")
    assert not caplog.messages
    os.utime("photos/cat/01.png", ns=(1, 1))
    load_images("folder(path=photos)")
    assert ["has changed since it was decoded" in line for line in caplog.messages] == [True]
    assert len(list(cache_entries())) == 1


def test_corrected_labels_decode_nothing_anew(caplog: pytest.LogCaptureFixture) -> None:
    """Labels are read at every start; pixels are kept."""
    table(lambda t: None)
    first = load_images("folder(path=photos)").train
    (entry,) = cache_entries()
    made = (entry.folder / "pixels.npy").stat().st_mtime_ns
    write_table("jsonl", [row | {"label": "old" if n else "new"} for n, row in enumerate(rows())])
    second = load_images("folder(path=photos)").train
    assert second.labels.sum() != first.labels.sum()
    assert [(e.folder / "pixels.npy").stat().st_mtime_ns for e in cache_entries()] == [made]
    with caplog.at_level(logging.WARNING):
        assert not caplog.messages


def test_a_split_without_a_test_set_is_one() -> None:
    """Nothing is invented."""
    assert isinstance(load_images(f"folder(path={photos()})"), Split)
