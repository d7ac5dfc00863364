"""Typed tables are written by formats alone, and three renderers show the same cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from memest.errors import DataError
from memest.reports import figures, tables
from memest.reports.html import page_html
from memest.reports.sections import Page, Picture, Section, painted
from memest.reports.tables import Column, Table
from memest.reports.text import page_text


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        (tables.text, "csl", "csl"),
        (tables.text, None, ""),
        (tables.whole, 12345, "12,345"),
        (tables.fixed(3), 0.12345, "0.123"),
        (tables.fixed(3), 0.9997, "0.9997"),
        (tables.fixed(3), 1.0, "1.000"),
        (tables.fixed(4), math.nan, ""),
        (tables.number(3), 7, "7"),
        (tables.number(3), 0.5, "0.500"),
        (tables.mean_and_spread, (0.98451, 0.0026), "0.9845 ± 0.0026"),
        (tables.mean_and_spread, (0.98451, math.nan), "0.9845"),
        (tables.mean_and_spread, (None, None), ""),
        (tables.ends, (0.1, 0.25), "0.1000–0.2500"),
        (tables.ends, (0.1, 0.1), "0.1000"),
        (tables.p_value, (0.0312, False), "0.03"),
        (tables.p_value, (0.0312, True), "≤0.03"),
        (tables.p_value, (1e-30, True), "<1e-16"),
        (tables.p_value, (math.nan, False), ""),
    ],
)
def test_values_are_written_by_their_format(form: Callable[[Any], str], value: Any, written: str) -> None:
    """What was not measured is an empty cell."""
    assert form(value) == written


def page(rows: int = 6) -> Page:
    """A page with a table of rows, one picture, and one that cannot be had."""
    values = np.arange(rows) / 10
    table = Table((Column("name", [f"n<{k}" for k in range(rows)]), Column("value", values, tables.fixed(2))))

    def missing() -> Any:
        raise DataError("the images are elsewhere")

    lines = {"csl": np.array([0.1, np.nan, 0.4])}
    pictures = [
        Picture("kept", "a caption", lambda: figures.binned(np.linspace(0, 1, 4), lines, "x", "y")),
        Picture("gone", "another", missing),
    ]
    section = Section("A section", table, pictures, said="One sentence.", first=[0, 1, 4], notes=["A note."])
    return Page("A title", [section], "A remark.", said="All at once.")


def test_text_says_the_answer_and_paints_nothing() -> None:
    """The terminal shows the sentences, the rows that matter, aligned, and how many more there are."""
    lines = page_text(page()).splitlines()
    assert lines[:5] == ["All at once.", "", "A section", "One sentence.", "name  value"]
    assert lines[5:8] == [f"n<{k}    0.{k}0" for k in (0, 1, 4)]
    assert lines[8:] == ["(3 more in report.html)", "A note."]


def test_html_holds_the_same_cells_the_rest_folded() -> None:
    """The first rows stand open and the others in `details`; a picture that cannot be had is said."""
    pictures = painted(page())
    text = page_html(page(), pictures).decode()
    open_, _, folded = text.partition("<details>")
    for k in range(6):
        assert f"<td>n&lt;{k}</td><td>0.{k}0</td>" in (open_ if k in (0, 1, 4) else folded)
    assert "3 more rows" in folded
    assert open_.index("All at once.") < open_.index("One sentence.") < open_.index("<table>")
    assert "A note." in text
    assert "A remark." in text.rpartition("<details>")[2]
    assert "the images are elsewhere" in text
    assert text.count("data:image/png") == 1
    assert list(pictures) == ["kept", "gone"]
    assert "more rows" not in page_html(page(4), pictures).decode()
