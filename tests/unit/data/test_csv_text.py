"""CSV tables: every row counts or the line is named; whatever a spreadsheet writes is read."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from memest.data import load_images
from memest.data.corrections import COLUMNS, decision_rows
from memest.data.csv_text import csv_rows, delimiter_of
from memest.errors import DataError

FILE = Path("decisions.csv")
HEADER = ",".join(COLUMNS)
TWO = f"{HEADER}\nf,1,cat,wrong,dog\nf,2,dog,right,\n"
ROWS = [("f", "1", "cat", "wrong", "dog"), ("f", "2", "dog", "right", "")]


def photos(text: str) -> None:
    """Three images with a metadata.csv of this text."""
    for n, name in enumerate("abc"):
        Path("photos").mkdir(exist_ok=True)
        Image.new("L", (8, 8), 50 * n).save(f"photos/{name}.png")
    Path("photos/metadata.csv").write_text(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('file_name,label\na.png,"cat\nb.png,dog\nc.png,cat\n', 2),
        ('file_name,label\na.png,cat\nb.png,"dog\nc.png,"cat"\n', 3),
        ('file_name,label\na.png,"cat" big\nb.png,dog\nc.png,cat\n', 2),
        ('file_name;label\na.png;cat\nb.png;dog\n"c.png;cat\n', 4),
        ('"file_name,label\na.png,cat\nb.png,dog\nc.png,cat\n', 1),
    ],
)
def test_an_open_quote_in_a_table_of_images_names_its_line(text: str, line: int) -> None:
    """Arrow takes the rows up to the next quote for one value, or drops the quote."""
    photos(text)
    with pytest.raises(DataError, match=rf"metadata\.csv, line {line}: a quote opens a value") as refusal:
        load_images("folder(path=photos)")
    assert "\n" not in str(refusal.value)


def test_two_open_quotes_that_close_each_other_are_noticed_by_the_files() -> None:
    """To a reader this is one row; the image of the other is named."""
    photos('file_name,label\na.png,"cat\nb.png,dog"\nc.png,cat\n')
    with pytest.raises(DataError, match=r"1 files without a row.*b\.png"):
        load_images("folder(path=photos)")


@pytest.mark.parametrize(
    "header",
    [
        "file_name\tlabel, as given",
        "file_name\tlabel, as given\tnote; free",
        '"file_name"\t"label, as given"',
    ],
)
def test_a_header_may_hold_what_separates_columns_elsewhere(header: str) -> None:
    """Tabs separate here, although a name of the header holds a comma, and another a semicolon."""
    more = "\tx" * (header.count("\t") - 1)
    photos("\n".join([header, *(f"{n}.png\t{label}{more}" for n, label in zip("abc", "xyx", strict=True))]))
    train = load_images("folder(path=photos, label='label, as given')").train
    assert [train.classes[k] for k in train.labels] == ["x", "y", "x"]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", ["", "\ufeff"], ids=["plain", "BOM"])
def test_decisions_as_spreadsheets_write_them(mark: str, end: str, before: str) -> None:
    """Commas, semicolons or tabs; the line ends of any system; with a byte order mark or without."""
    FILE.write_bytes((before + TWO.replace(",", mark).replace("\n", end)).encode())
    assert [tuple(row[name] for name in COLUMNS) for _, row in decision_rows(FILE)] == ROWS
    assert [line for line, _ in decision_rows(FILE)] == [2, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TWO.replace("cat", '"cat'), r"line 2: a quote opens a value there and is not closed"),
        (TWO.replace("wrong,dog", 'wrong,"dog').replace("right,", 'right,"'), "line 2: its new_label holds"),
        (TWO.replace("cat", "cat, big"), "line 2 has 6 values and the header 5"),
        (TWO + "f,3,dog\n", "line 4 has 3 values and the header 5"),
        (TWO.encode("utf-16"), "it is not UTF-8; save it as CSV UTF-8"),
        (TWO.replace("dog", "dög").encode("latin-1"), "it is not UTF-8; save it as CSV UTF-8"),
        ("", "needs the columns"),
        (HEADER + "\n", "needs the columns"),
        (TWO.replace("new_label", "new"), "it lacks new_label"),
    ],
)
def test_decisions_that_would_lose_a_row_are_refused(text: str | bytes, words: str) -> None:
    """One line with the number of the row's own."""
    FILE.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=words) as refusal:
        decision_rows(FILE)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        TWO.replace("dog\n", "dog,\n").replace("right,\n", "right,,, \n"),
        "\n  \n" + TWO.replace(",", ";"),
        TWO.replace("f,2", "   \nf,2") + "  \n",
    ],
    ids=["surplus empty values", "blank first lines", "rows of spaces"],
)
def test_what_editors_leave_of_nothing_is_nothing(text: str) -> None:
    """Surplus separators, and lines of spaces anywhere."""
    FILE.write_text(text)
    assert [tuple(row[name] for name in COLUMNS) for _, row in decision_rows(FILE)] == ROWS


def test_a_cell_may_be_longer_than_python_expects() -> None:
    """131,072 characters are the bound of its csv."""
    photos(f"file_name,label,note\na.png,x,{'n' * 140_000}\nb.png,y,\nc.png,x,\n")
    assert load_images("folder(path=photos)").train.labels.tolist() == [0, 1, 0]


def test_only_columns_that_are_asked_for_must_be_utf_8() -> None:
    """A photographer's name in Latin-1 hinders nobody; a label or a header in it is refused, and UTF-16."""
    text = "file_name,label,by\na.png,x,Jörg\nb.png,y,\nc.png,x,\n"
    photos("")
    Path("photos/metadata.csv").write_bytes(text.encode("latin-1"))
    assert load_images("folder(path=photos)").train.labels.tolist() == [0, 1, 0]
    for refused in (
        text.replace("y,", "ÿ,").encode("latin-1"),
        text.replace("by", "à").encode("latin-1"),
        text.encode("utf-16"),
    ):
        Path("photos/metadata.csv").write_bytes(refused)
        with pytest.raises(DataError, match="it is not UTF-8; save it as CSV UTF-8"):
            load_images("folder(path=photos)")


def test_a_quote_may_be_escaped_by_a_backslash() -> None:
    """As Spark writes it."""
    photos('file_name,label\na.png,"5\\" plate"\nb.png,dog\nc.png,dog\n')
    assert sorted(load_images("folder(path=photos)").train.classes) == ['5" plate', "dog"]


def test_lines_are_counted_where_values_have_several() -> None:
    """Empty lines, and a value of two lines, come before the row that is named."""
    FILE.write_text(f'{HEADER}\n\nf,1,"two\nlines",right,\n,,,,\nf,2,dog,right\n')
    assert [(line, row["label"]) for line, row in decision_rows(FILE)] == [(3, "two\nlines"), (6, "dog")]


def test_a_quote_in_a_value_is_no_open_quote() -> None:
    """Doubled inside quotes, or in a value that does not begin with one."""
    FILE.write_text('a,b\n"5"" disk",x\n5" disk,y\n')
    assert delimiter_of(FILE, ["a"]) == ","
    assert list(csv_rows(FILE, ",")) == [(1, ["a", "b"]), (2, ['5" disk', "x"]), (3, ['5" disk', "y"])]


def test_the_limit_of_a_value_is_that_of_the_process_again() -> None:
    """Others in the process read CSV with the limit that they set, before, between and after rows of ours."""
    before = csv.field_size_limit(1000)
    try:
        FILE.write_text(f"a,b\n{'x' * 200_000},y\n1,2\n")
        assert delimiter_of(FILE, ["a"]) == ","
        seen = [csv.field_size_limit() for _ in csv_rows(FILE, ",")]
        assert [*seen, csv.field_size_limit()] == [1000] * 4
    finally:
        csv.field_size_limit(before)
