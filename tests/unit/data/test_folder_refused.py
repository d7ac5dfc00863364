"""Folders of images that do not fit are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from photo_folders import PIXELS, photos, put, rows, table, write_table

from memest.data import load_images
from memest.data.decoded import cache_entries
from memest.errors import DataError


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
