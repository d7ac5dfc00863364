"""Tables of named columns in parquet."""

from __future__ import annotations

import numpy as np
import pytest
from sheets import IDS, assert_tables_equal

from memest.errors import SheetError
from memest.store.tables import Columns, read_table, write_table

COLUMNS: Columns = {
    "id": np.array([3, 1, 2**62]),
    "small": np.array([-1, 0, 1], np.int8),
    "changed": np.array([True, False, True]),
    "csl": np.array([0.1, -1e300, 5e-324]),
    "loss": np.array([0.1, 1e-45, -0.0], np.float32),
    "class": np.array(["cat", "", "Ünïcødé, “quoted”"]),
}


def test_a_table_comes_back_column_by_column() -> None:
    """Whole numbers, truth values, numbers and text keep type and value; equal tables are equal bytes."""
    content = write_table(COLUMNS)
    assert_tables_equal(read_table(content), COLUMNS)
    assert write_table({name: column.copy() for name, column in COLUMNS.items()}) == content
    assert_tables_equal(read_table(content, ["csl", "id"]), {k: COLUMNS[k] for k in ("csl", "id")})
    assert read_table(write_table({"id": IDS[:0]}))["id"].tolist() == []


def test_a_table_that_cannot_be_read_is_refused() -> None:
    """A column that is not there, and bytes that are not parquet."""
    with pytest.raises(SheetError, match="no column 'aum'"):
        read_table(write_table(COLUMNS), ["id", "aum"])
    for content in (b"", b"PAR1", b"id,label\n1,2\n", write_table(COLUMNS)[:-20]):
        with pytest.raises(SheetError, match="a table of the sheet cannot be read"):
            read_table(content)
