"""Score sheets as they are read: every number comes back, and what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sheets import (
    EPOCHS,
    FINGERPRINT,
    HEADER,
    IDS,
    LOSS,
    MEASURED,
    SUMMARY,
    TRUTH,
    Opener,
    assert_holds_all,
    assert_tables_equal,
    begin,
    describe,
    files,
    put,
    write,
)

from memest.errors import FingerprintError, SheetError
from memest.store import LocalBlobs, SheetReader
from memest.store import sheet as sheet_module


def test_a_sheet_comes_back_from_every_backend(opener: Opener) -> None:
    """Scores, scalars, tables and header, over several blocks and with a key that some epochs lack."""
    manifest = write(opener())
    reader = SheetReader.open(opener())
    assert reader.manifest == manifest
    assert reader.manifest.header == HEADER
    assert_holds_all(reader)
    assert_tables_equal(reader.truth(), TRUTH)
    assert_tables_equal(reader.summary(), SUMMARY)
    assert opener().names("sheet") == [
        *(f"sheet/block-00000{first}-00000{first + 1}.safetensors" for first in (0, 2, 4, 6)),
        "sheet/manifest.json",
        "sheet/summary.parquet",
        "sheet/truth.parquet",
    ]


@pytest.mark.parametrize("span", [1, 2, 3, 5, 8, 100])
def test_the_span_of_a_block_changes_no_number(span: int, tmp_path: Path) -> None:
    """Whatever the span, the traces are the same; blocks cover the epochs without gap or overlap."""
    manifest = write(LocalBlobs(tmp_path), span)
    assert_holds_all(SheetReader.open(LocalBlobs(tmp_path)))
    assert [block.first for block in manifest.blocks] == list(range(0, EPOCHS, span))
    assert all(block.last == block.first + span - 1 for block in manifest.blocks)


def test_the_manifest_says_what_was_measured_when(tmp_path: Path) -> None:
    """Keys with their unit, direction and epochs; the weight norm is a scalar and no score."""
    manifest = write(LocalBlobs(tmp_path))
    assert manifest.scores["loss"] == describe("loss") | {"epochs": list(range(EPOCHS))}
    assert manifest.scores["input_gradient(norm=2)"]["epochs"] == MEASURED
    assert manifest.scalars == {"weight_norm": list(range(EPOCHS))}
    assert set(manifest.scores) == {"loss", "input_gradient(norm=2)"}


def test_a_sheet_without_a_manifest_is_unfinished(tmp_path: Path) -> None:
    """Whoever opens a sheet whose run died is told to run the command again."""
    put(begin(LocalBlobs(tmp_path)), range(EPOCHS))
    assert len(files(tmp_path)) == 3
    with pytest.raises(
        SheetError, match=r"no sheet/manifest.json: the run did not finish.*run its command again"
    ):
        SheetReader.open(LocalBlobs(tmp_path))
    with pytest.raises(SheetError, match=r"no sheet/manifest.json"):
        SheetReader.open(LocalBlobs(tmp_path / "nowhere"))


def read_all(reader: SheetReader) -> None:
    """Read everything a sheet holds."""
    for key in [*reader.manifest.scores, "scalar/weight_norm"]:
        reader.trace(key)
    reader.truth()
    reader.summary()


@pytest.mark.parametrize("damage", ["one bit", "cut", "longer", "empty"])
@pytest.mark.parametrize(
    "name",
    [
        "block-000000-000001.safetensors",
        "block-000006-000007.safetensors",
        "truth.parquet",
        "summary.parquet",
    ],
)
def test_a_damaged_part_is_named(name: str, damage: str, tmp_path: Path) -> None:
    """One flipped bit anywhere, or a byte more or less, and the part is refused by its name."""
    write(LocalBlobs(tmp_path))
    path = tmp_path / "sheet" / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "one bit": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
            "cut": whole[:-1],
            "longer": whole + b"\0",
            "empty": b"",
        }[damage]
    )
    with pytest.raises(SheetError, match=f"sheet/{name} is damaged"):
        read_all(SheetReader.open(LocalBlobs(tmp_path)))
    path.unlink()
    with pytest.raises(SheetError, match=name):
        read_all(SheetReader.open(LocalBlobs(tmp_path)))


def test_other_labels_are_refused(tmp_path: Path) -> None:
    """Scores are read only beside the images and labels they were measured against; both are named."""
    write(LocalBlobs(tmp_path))
    reader = SheetReader.open(LocalBlobs(tmp_path))
    reader.require(FINGERPRINT, "scoring")
    foreign = "f" * 64
    with pytest.raises(FingerprintError, match=f"scoring: .*{FINGERPRINT[:16]}.*{foreign[:16]}"):
        reader.require(foreign, "scoring")


def test_a_score_that_was_not_measured_is_refused(tmp_path: Path) -> None:
    """The message lists what the sheet has."""
    write(LocalBlobs(tmp_path))
    with pytest.raises(
        SheetError, match=r"no 'margin' \(it has input_gradient.*, loss, scalar/weight_norm\)"
    ):
        SheetReader.open(LocalBlobs(tmp_path)).trace("margin")


def test_stretches_cover_every_example_once_and_read_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet too large for memory is read a stretch of examples at a time, its unfinished block too."""
    monkeypatch.setattr(sheet_module, "_STRETCH_BYTES", 4 * 12 * 2)
    sheet = begin(LocalBlobs(tmp_path), 3)
    put(sheet, range(EPOCHS))
    reader = sheet.reader()
    stretches = reader.stretches()
    assert len(stretches) > 1
    assert [n for part in stretches for n in range(part.start, part.stop)] == list(range(len(IDS)))
    parts = [reader.trace("loss", part)[1] for part in stretches]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), LOSS)
    assert all(reader.trace("scalar/weight_norm", part)[1].shape == (EPOCHS, 1) for part in stretches)
