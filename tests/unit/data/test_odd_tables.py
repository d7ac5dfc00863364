"""Tables of files and labels, as spreadsheets write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from odd_files import names_of, put, table

from memest.data import load_images
from memest.errors import DataError

PLAIN = "file_name,label\na.png,cat\nb.png,dog\nc.png,cat\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.rstrip(),
        'file_name,"label"\n"a.png","cat"\n"b.png","dog"\n"c.png","cat"\n',
        "label,file_name,note\ncat,a.png,1\ndog,./b.png,\ncat,c.png,x\n",
    ],
    ids=["plain", "BOM", "semicolons", "tabs", "CRLF", "no last newline", "quoted", "more columns"],
)
def test_a_table_as_spreadsheets_write_it(text: str | bytes) -> None:
    """Whatever separates its columns and ends its lines."""
    table(text)
    train = load_images("folder(path=photos)").train
    assert names_of(train) == ["a.png", "b.png", "c.png"]
    assert [train.classes[k] for k in train.labels] == ["cat", "dog", "cat"]


def test_a_table_may_name_a_file_of_two_lines() -> None:
    """Quoted, as the csv module writes it."""
    table('file_name,label\n"two\nlines.png",cat\nb.png,dog\n', "two\nlines.png", "b.png")
    assert names_of(load_images("folder(path=photos)").train) == ["b.png", "two\nlines.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file_name,label,label\na.png,cat,x\nb.png,dog,x\nc.png,cat,x\n", "has 2 columns 'label'"),
        ("file_name,label\na.png,cat\nb.png,\nc.png,cat\n", r"b\.png has no label"),
        ("file_name,label\na.png,cat\nb.png,dog,extra\nc.png,cat\n", "cannot be read as a table"),
        ("file_name,label\na.png,cat\n,dog\nb.png,cat\n", "does not lie below photos"),
        ("name;class\na.png;cat\nb.png;dog\n", r"no column 'file_name' \(it has name, class\)"),
        ("", "cannot be read as a table"),
        ("file_name,label\n", "0 rows without a file, 3 files without a row"),
        (PLAIN.encode("utf-16"), "metadata.csv"),
        (PLAIN.replace("dog", "h\u00fbnd").encode("latin-1"), "cannot be read as a table"),
        ("file_name,label\na.png,cat\na.png,dog\nb.png,cat\nc.png,dog\n", r"names the file a\.png in 2 rows"),
        (
            "file_name,label\na.png,cat\n./a.png,dog\nb.png,cat\nc.png,dog\n",
            r"names the file a\.png in 2 rows",
        ),
        ("file_name,label\n..\\a.png,cat\nb.png,dog\nc.png,dog\n", "does not lie below photos"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_line(text: str | bytes, words: str) -> None:
    """What is wrong, of which file."""
    table(text)
    with pytest.raises(DataError, match=words) as refusal:
        load_images("folder(path=photos)")
    assert "metadata.csv" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_labels_are_numbers_only_where_all_are() -> None:
    """Ten after nine; but text where one of them is a word."""
    table("file_name,label\na.png,10\nb.png,9\nc.png,10\n")
    assert load_images("folder(path=photos)").train.classes == ("9", "10")
    table("file_name,label\na.png,10\nb.png,9\nc.png,none\n")
    assert load_images("folder(path=photos)").train.classes == ("10", "9", "none")


def test_a_test_table_of_numbers_fits_a_training_table_of_words() -> None:
    """`1` is the class `1`, whether or not all labels beside it are numbers."""
    for part, labels in (("train", "1 one"), ("test", "1 1")):
        put("a.png", "b.png", root=f"photos/{part}")
        rows = "".join(f"{name}.png,{label}\n" for name, label in zip("ab", labels.split(), strict=True))
        Path(f"photos/{part}/metadata.csv").write_text(f"file_name,label\n{rows}")
    split = load_images("folder(path=photos)")
    assert split.test is not None
    assert split.test.labels.tolist() == [0, 0]
