"""Folders of images and tables: what is read."""

from __future__ import annotations

import numpy as np
import pytest
from photo_folders import PIXELS, photos, pixels_of, put, rows, table, write_table

from memest.data import Split, load_images
from memest.errors import DataError, SettingError
from memest.seeding import Streams


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


def test_rows_and_files_that_do_not_meet_can_be_left_out() -> None:
    """On demand, counted by name with the reason."""
    table(lambda t: t[0].update(file_name="cat/none.png"))
    split = load_images("folder(path=photos, on_error=skip)")
    assert len(split.train) == 11
    assert split.left_out == {
        "cat/none.png": "named in metadata.jsonl, and no such file",
        "cat/11.png": "not named in metadata.jsonl, so without a label",
    }


def test_a_split_without_a_test_set_is_one() -> None:
    """Nothing is invented."""
    assert isinstance(load_images(f"folder(path={photos()})"), Split)
