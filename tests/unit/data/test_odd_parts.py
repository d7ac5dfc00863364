"""Training and test sets, whatever they are called and wherever they lie."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from odd_files import TWO, names_of, png, put
from pyarrow import parquet

from memest.data import load_images
from memest.data.decoded.cache import cache_entries
from memest.errors import DataError


@pytest.mark.parametrize(
    ("train", "held"),
    [
        ("train", "test"),
        ("Train", "VAL"),
        ("training", "validation"),
        ("train", "valid"),
        ("train", "dev"),
        ("train", "eval"),
        ("train2017", "val2017"),
        ("Training", "Testing"),
    ],
)
def test_parts_may_be_called_many_things(train: str, held: str) -> None:
    """The words that `datasets` knows, in any case, with a year behind them; a note beside them is none."""
    put(*(f"{train}/{name}" for name in TWO), f"{held}/cat/c.png")
    put("README.md", ".DS_Store", "__MACOSX/x.png")
    split = load_images("photos")
    assert split.test is not None
    assert (len(split.train), names_of(split.test)) == (2, ["cat/c.png"])


def test_a_test_set_is_preferred_to_a_validation_set(caplog: pytest.LogCaptureFixture) -> None:
    """What is not read is said."""
    put(*(f"train/{name}" for name in TWO), "val/cat/c.png", "test/dog/d.png")
    split = load_images("folder(path=photos)")
    assert split.test is not None
    assert names_of(split.test) == ["dog/d.png"]
    assert "not read: photos/val" in caplog.text


def test_a_table_above_the_parts_names_the_files_of_both(caplog: pytest.LogCaptureFixture) -> None:
    """Its rows are told apart by the folders that they name; else test images would be trained on."""
    put("train/a.png", "train/b.png", "test/c.png", "val/d.png")
    rows = "".join(
        f"{name}.png,{label}\n"
        for name, label in zip(("train/a", "train/b", "test/c", "val/d"), "xyxy", strict=True)
    )
    Path("photos/metadata.csv").write_text(f"file_name,label\n{rows}")
    split = load_images("photos")
    assert split.test is not None
    assert names_of(split.train) == ["train/a.png", "train/b.png"]
    assert names_of(split.test) == ["test/c.png"]
    assert "not read: val" in caplog.text
    caplog.clear()
    load_images("photos")
    assert "has changed" not in caplog.text  # training and test images are kept side by side
    assert len(list(cache_entries())) == 2
    put("loose.png")
    with Path("photos/metadata.csv").open("a") as table:
        table.write("loose.png,x\n")
    assert load_images("photos").test is None


def test_test_sets_alone_are_refused() -> None:
    """They are no classes called test and val."""
    put(*(f"test/{name}" for name in TWO), "val/cat/c.png")
    with pytest.raises(DataError, match="has test, val and no folder called train"):
        load_images("folder(path=photos)")
    assert len(load_images("folder(path=photos/test)").train) == 2


def test_a_test_set_of_another_class_is_refused() -> None:
    """Its images could not be right."""
    put(*(f"train/{name}" for name in TWO), "test/bird/c.png")
    with pytest.raises(DataError, match="has class 'bird', which the training images lack"):
        load_images("folder(path=photos)")


@pytest.mark.parametrize("below", ["data", "train"])
def test_shards_in_a_folder_below_are_found(below: str) -> None:
    """As Hugging Face's hub has them: a README, and `data/` or a folder for each part."""
    rows = [{"image": png(n), "label": n % 2} for n in range(6)]
    (Path("repo") / below).mkdir(parents=True)
    Path("repo/README.md").touch()
    parquet.write_table(pa.Table.from_pylist(rows), Path("repo") / below / "train-00000-of-00001.parquet")
    assert len(load_images("repo").train) == 6
