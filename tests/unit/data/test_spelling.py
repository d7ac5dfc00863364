"""Datasets as people write them: paths alone, without a keyword, from home, with marks that need quotes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from memest.data import SETS
from memest.data.sources.spelling import source_of
from memest.errors import DataError, MemestError, SettingError


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> Path:
    """An .npz in the working folder, which is home as well."""
    images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    for name in ("mine.npz", "a,b.npz", "it's mine.npz", "[x].npz"):
        np.savez(name, images=images, labels=labels)
    monkeypatch.setenv("HOME", str(Path.cwd()))
    return Path("mine.npz")


@pytest.mark.parametrize(
    "text",
    ["mine.npz", "npz(mine.npz)", "npz( mine.npz )", "npz('mine.npz')", "npz(path=mine.npz)", "./mine.npz"],
)
def test_a_path_is_understood_with_and_without_its_source(text: str) -> None:
    """All spellings of one file give one canonical spec, and so one run key."""
    assert SETS.parse(text).short().replace("'./mine.npz'", "mine.npz") == "npz(path=mine.npz)"


def test_a_path_alone_says_how_it_is_read(caplog: pytest.LogCaptureFixture) -> None:
    """One line for a path, however often it is read; none for a spec."""
    SETS._said.clear()
    with caplog.at_level(logging.WARNING):
        SETS.parse("npz(mine.npz)")
        assert not caplog.messages
        for _ in range(3):
            SETS.parse("./mine.npz")
    assert caplog.messages == ["./mine.npz is read as npz(path='./mine.npz')"]


@pytest.mark.parametrize(
    "text", ["~/mine.npz", "npz(~/mine.npz)", "npz(path=~/mine.npz)", "npz(path='~/mine.npz')"]
)
def test_home_is_expanded(text: str) -> None:
    """Wherever a path may stand."""
    assert SETS.parse(text).settings["path"] == str(Path.cwd() / "mine.npz")


@pytest.mark.parametrize("path", ["a,b.npz", "it's mine.npz", "[x].npz"])
def test_a_path_with_marks_of_the_grammar_is_read_alone_or_quoted(path: str) -> None:
    """Alone it needs no quotes; within a spec it does, and the error says so."""
    assert SETS.parse(path).settings["path"] == path
    assert SETS.parse(f'npz(path="{path}")').settings["path"] == path
    assert SETS.parse(str(SETS.parse(path))).settings["path"] == path


@pytest.mark.parametrize(
    "text", ["npz(path=a,b.npz)", "npz(a,b.npz)", "npz(path=it's.npz)", "npz(path=[x.npz)"]
)
def test_a_path_that_needs_quotes_is_answered_with_them(text: str) -> None:
    """The message shows where quotes go."""
    with pytest.raises(SettingError, match="needs quotes, as in npz"):
        SETS.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("none.npz", "there is nothing at none.npz"),
        ("photos/", "there is nothing at photos"),
        ("~/none.npz", "there is nothing at /"),
        ("none", "unknown dataset 'none', and no file or folder of that name lies in /"),
        ("nines.npz", "looked in /.*; did you mean 'mine.npz'"),
        ("mine", "unknown dataset 'mine', .*; did you mean 'mine.npz'"),
        ("my photos (1)", "unknown dataset 'my photos .1.', and no file or folder"),
        ("2024-photos", "unknown dataset '2024-photos', and no file or folder"),
        ("digts", "no file or folder .*; did you mean 'digits'.*or name the path of a file or folder"),
        ("nzp(path=mine.npz)", "unknown dataset 'nzp'; did you mean 'npz'"),
        ("npz", r"needs path=…, as in npz\(path=…\)"),
        ("digits(3)", "expected keyword=value"),
        ("npz(mine.npz, path=other.npz)", "two paths"),
        ("npz(mine.npz, size=3)", "unknown keyword"),
    ],
)
def test_what_is_no_dataset_is_refused_in_one_line(text: str, words: str) -> None:
    """With the folder that was looked in, or the names that are known."""
    with pytest.raises(MemestError, match=words):
        SETS.parse(text)


@pytest.mark.parametrize(
    ("files", "source"),
    [
        (["cat/a.png", "dog/b.png"], "folder"),
        (["metadata.csv", "a.png"], "folder"),
        (["train/cat/a.png", "test/cat/b.png"], "folder"),
        (["train-00000-of-00002.parquet"], "parquet"),
        (["dataset_info.json", "state.json", "data-00000-of-00001.arrow"], "parquet"),
        (["dataset_dict.json", "train/state.json"], "parquet"),
        (["train-00000-of-01024", "train-00001-of-01024"], "tfrecord"),
        (["birds.tfrecord"], "tfrecord"),
        (["birds.tfrecord-00000-of-00001"], "tfrecord"),
        (["shard-000.tar"], "webdataset"),
    ],
)
def test_a_folder_is_read_as_what_lies_in_it(files: list[str], source: str) -> None:
    """Class folders, a table, or shards."""
    for name in files:
        path = Path("here") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert source_of("here") == source


def test_a_place_without_data_says_what_was_expected() -> None:
    """An empty folder and a file of another kind."""
    Path("empty").mkdir()
    Path("words.txt").touch()
    with pytest.raises(DataError, match="is empty"):
        source_of("empty")
    with pytest.raises(DataError, match=r"no dataset that memest reads; expected \.npz"):
        SETS.parse("./words.txt")
