"""Rows by example id: whatever order batches come in, each example lands in its place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from score_cases import CPU, Case

from memest.errors import UnseenError
from memest.scores import Rows

IDS = np.array([700, 5, 2**40, 33, 6])


def rows_after(*batches: list[int]) -> Rows:
    """Rows of `IDS` after batches whose values are the ids themselves, modulo 1,000."""
    rows = Rows(IDS, CPU)
    for batch in batches:
        ids = torch.tensor(batch)
        rows.put(ids, {"value": (ids % 1000).float()})
    return rows


def test_shuffled_ids_land_right() -> None:
    """Ids that are neither sorted nor contiguous get their own values back, in the order of the set."""
    columns = rows_after([33, 700], [2**40], [6, 5]).take()
    np.testing.assert_array_equal(columns["value"], (IDS % 1000).astype(np.float32))


def test_ids_that_are_a_view_land_right() -> None:
    """A strided view of ids, such as a column of a loader's batch, is taken as it is, without a warning."""
    rows, table = Rows(IDS, CPU), torch.from_numpy(np.stack([IDS, IDS], 1))
    rows.put(table[:, 0], {"value": (table[:, 0] % 1000).float()})
    np.testing.assert_array_equal(rows.take()["value"], (IDS % 1000).astype(np.float32))


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([[700, 5, 33]], id="unseen"),
        pytest.param([IDS.tolist(), [33]], id="repeated in another batch"),
        pytest.param([[*IDS.tolist(), 33]], id="repeated in one batch"),
        pytest.param([[*IDS.tolist(), 34]], id="foreign, between"),
        pytest.param([[*IDS.tolist(), 2**41]], id="foreign, above"),
        pytest.param([[*IDS.tolist(), 0]], id="foreign, below"),
        pytest.param([[*IDS.tolist(), 33, 32]], id="repeated and foreign, in balance"),
        pytest.param([[]], id="nothing"),
    ],
)
def test_anything_but_each_id_once_is_an_error(batches: list[list[int]]) -> None:
    """A pass that misses, repeats or invents an example never becomes a column."""
    with pytest.raises(UnseenError, match="once in an epoch"):
        rows_after(*batches).take()


@pytest.mark.parametrize("foreign", [0, 34, 2**41])
def test_a_foreign_id_is_an_error_even_in_a_partial_epoch(foreign: int) -> None:
    """Leaving examples out may be allowed; an id of no example never is, nor does it hide another."""
    with pytest.raises(UnseenError, match="1 deliveries had an id of no example"):
        rows_after([700, 5, 2**40, foreign]).take(partial=True)


def test_a_partial_epoch_has_nan_where_nothing_came() -> None:
    """Examples that were left out are NaN, the others keep their values."""
    columns = rows_after([700, 6]).take(partial=True)
    np.testing.assert_array_equal(columns["value"], [700, np.nan, np.nan, np.nan, 6])


def test_rows_are_empty_once_taken() -> None:
    """The next pass starts anew: the same ids again are not a repetition."""
    rows = rows_after(IDS.tolist())
    first = rows.take()
    assert rows.empty
    rows.put(torch.from_numpy(IDS), {"value": torch.zeros(5)})
    np.testing.assert_array_equal(rows.take()["value"], np.zeros(5))
    np.testing.assert_array_equal(first["value"], (IDS % 1000).astype(np.float32))


def test_measuring_the_wrong_examples_is_an_error(case: Case) -> None:
    """`measure` refuses batches that are not those of the ids it is given."""
    for ids in (case.images.ids[:-1], np.append(case.images.ids, 99_999)):
        with pytest.raises(UnseenError):
            case.measure("loss", ids=ids)
