"""Score sheets as they are written: epoch by epoch, resumed, sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sheets import EPOCHS, IDS, LOSS, SUMMARY, TRUTH, assert_holds_all, begin, files, put, write

from memest.errors import NonFiniteError, SheetError
from memest.store import LocalBlobs, SheetReader, block_span
from memest.store.manifest import SheetFile
from memest.store.sheet import MANIFEST


def test_a_key_that_starts_late_comes_back(tmp_path: Path) -> None:
    """Epochs may be missing altogether, whole blocks of them too; each key keeps its own."""
    sheet = begin(LocalBlobs(tmp_path))
    sheet.put(1, {"loss": LOSS[1]}, {})
    sheet.put(7, {"loss": LOSS[7], "margin": -LOSS[7]}, {})
    sheet.seal(TRUTH, SUMMARY)
    reader = SheetReader.open(LocalBlobs(tmp_path))
    epochs, loss = reader.trace("loss")
    assert epochs.tolist() == [1, 7]
    np.testing.assert_array_equal(loss, LOSS[[1, 7]])
    assert reader.trace("margin")[0].tolist() == [7]
    assert [(b.first, b.last) for b in reader.manifest.blocks] == [(0, 1), (6, 7)]


def test_the_same_scores_give_the_same_bytes(tmp_path: Path) -> None:
    """Every file of two sheets of the same run is identical, and writing again into one changes nothing."""
    write(LocalBlobs(tmp_path / "one"))
    write(LocalBlobs(tmp_path / "two"))
    first = files(tmp_path / "one")
    assert len(first) == 7
    assert files(tmp_path / "two") == first
    write(LocalBlobs(tmp_path / "one"))
    assert files(tmp_path / "one") == first


def test_a_sealed_sheet_refuses_other_scores(tmp_path: Path) -> None:
    """The same run with one number changed does not overwrite what is there."""
    write(LocalBlobs(tmp_path))
    before = files(tmp_path)
    sheet = begin(LocalBlobs(tmp_path))
    with pytest.raises(SheetError, match=r"block-000000-000001.* is kept already with other bytes"):
        for epoch in range(3):
            sheet.put(epoch, {"loss": LOSS[epoch] + 1}, {})
    assert files(tmp_path) == before


def test_a_sheet_can_be_read_before_it_is_sealed(tmp_path: Path) -> None:
    """Summaries are made from the writer's own reader, its unfinished block included."""
    sheet = begin(LocalBlobs(tmp_path), span=3)
    for epoch in range(EPOCHS):
        put(sheet, [epoch])
        assert_holds_all(sheet.reader(), until=epoch + 1)


@pytest.mark.parametrize("died_after", range(EPOCHS))
def test_a_writer_goes_on_where_another_stopped(died_after: int, tmp_path: Path) -> None:
    """Whichever epoch was the last, the finished sheet has the same bytes."""
    sheet = begin(LocalBlobs(tmp_path / "sheet"), span=3)
    put(sheet, range(died_after + 1))
    state = sheet.state()
    again = begin(LocalBlobs(tmp_path / "sheet"), span=3)
    again.restore(state)
    assert again.state() == state
    assert again.latest == died_after
    put(again, range(died_after + 1, EPOCHS))
    again.seal(TRUTH, SUMMARY)
    write(LocalBlobs(tmp_path / "undisturbed"), span=3)
    assert files(tmp_path / "sheet") == files(tmp_path / "undisturbed")


def test_a_state_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Bytes that are no state, and a state whose block is damaged or gone."""
    sheet = begin(LocalBlobs(tmp_path / "sheet"))
    put(sheet, range(5))
    state = sheet.state()
    for bad in (b"", b"{}", state[:40], state[:-1], b"\xff" * 64):
        with pytest.raises(SheetError, match="the state of a sheet"):
            begin(LocalBlobs(tmp_path / "sheet")).restore(bad)
    with pytest.raises(SheetError, match=r"block-000000-000001.safetensors is not in"):
        begin(LocalBlobs(tmp_path / "elsewhere")).restore(state)


def test_the_writer_keeps_a_copy(tmp_path: Path) -> None:
    """An array that its owner fills again for the next epoch does not change what was put."""
    sheet = begin(LocalBlobs(tmp_path))
    reused = np.zeros(len(IDS), np.float32)
    for epoch in range(EPOCHS):
        reused[:] = LOSS[epoch]
        sheet.put(epoch, {"loss": reused}, {})
    reused[:] = -1
    np.testing.assert_array_equal(sheet.reader().trace("loss")[1], LOSS)


def bad(position: int, value: float, kind: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
    """Scores of epoch 3, one of them `value`."""
    scores = LOSS[3].astype(kind)
    scores[position] = value
    return scores


@pytest.mark.parametrize(
    ("epoch", "scores", "error", "words"),
    [
        (2, {"loss": LOSS[2]}, SheetError, "epochs must come in order: 2 came after 2"),
        (0, {"loss": LOSS[0]}, SheetError, "epochs must come in order: 0 came after 2"),
        (3, {"loss": LOSS[3, :4]}, SheetError, r"loss must have shape \(5,\), not \(4,\)"),
        (3, {"loss": LOSS[3:4]}, SheetError, r"not \(1, 5\)"),
        (3, {"loss": bad(1, np.nan)}, NonFiniteError, r"loss .* epoch 3 for 1 examples \(ids 7\)"),
        (3, {"loss": bad(4, -np.inf)}, NonFiniteError, r"epoch 3 for 1 examples \(ids 22\)"),
        (3, {"loss": bad(0, 1e39, np.float64)}, NonFiniteError, r"\(ids 40\)"),
        (3, {"loss": LOSS[3], "margin": LOSS[3] * np.nan}, NonFiniteError, r"margin .* for 5 examples"),
        (9, {"loss": LOSS[3], "margin": LOSS[3] * np.nan}, NonFiniteError, "epoch 9"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_an_epoch_that_does_not_fit_leaves_the_sheet_intact(
    epoch: int, scores: dict[str, NDArray[Any]], error: type[Exception], words: str, tmp_path: Path
) -> None:
    """Wrong order, shape or a value that is not finite: nothing of the epoch is kept, and work can go on."""
    sheet = begin(LocalBlobs(tmp_path / "sheet"))
    put(sheet, range(3))
    with pytest.raises(error, match=words):
        sheet.put(epoch, scores, {"weight_norm": 1.0})
    assert_holds_all(sheet.reader(), until=3)
    put(sheet, range(3, EPOCHS))
    sheet.seal(TRUTH, SUMMARY)
    write(LocalBlobs(tmp_path / "undisturbed"))
    assert files(tmp_path / "sheet") == files(tmp_path / "undisturbed")


def test_a_block_is_as_large_as_fits() -> None:
    """At most 32 MB of scores, unless one epoch alone is more; never more epochs than there are."""
    limit = 32 * 2**20
    for count in (1, 1438, 50_000, 1_281_167, 10**8):
        for keys in (0, 1, 9, 40):
            for epochs in (1, 2, 31, 201):
                span = block_span(count, keys, epochs)
                assert 1 <= span <= epochs
                assert span == 1 or span * 4 * count * max(keys, 1) <= limit
                assert span == epochs or (span + 1) * 4 * count * max(keys, 1) > limit


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    """It hashes every other file of the sheet, so that a sheet with a manifest is whole."""
    manifest = write(LocalBlobs(tmp_path))
    parts = [block.part for block in manifest.blocks] + list(manifest.tables.values())
    assert {part.name for part in parts} | {MANIFEST} == set(files(tmp_path))
    for part in parts:
        assert SheetFile.of(part.name, (tmp_path / part.name).read_bytes()) == part
    assert files(tmp_path)[MANIFEST] == manifest.to_json()
