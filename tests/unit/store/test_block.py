"""Blocks of epochs: safetensors to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sheets import GRADIENT, LOSS, NORM, write

from memest.errors import SheetError
from memest.store import LocalBlobs
from memest.store.block import BlockMap


def test_a_file_that_is_no_block_is_refused() -> None:
    """Bytes whose header is not a safetensors header are named, whatever they are."""
    for content in (b"", b"12345678", b"\x02\0\0\0\0\0\0\0[]", b'\x09\0\0\0\0\0\0\0{"a":{}} '):
        with pytest.raises(SheetError, match="block-7"):
            BlockMap("block-7", content)


def test_the_library_reads_every_block(tmp_path: Path) -> None:
    """Blocks are safetensors to the letter: the library finds the same tensors, scalars and metadata."""
    from safetensors import safe_open

    manifest = write(LocalBlobs(tmp_path), 3)
    with safe_open(tmp_path / manifest.blocks[1].part.name, "numpy") as block:
        assert json.loads(block.metadata()["epochs"])["loss"] == [3, 4, 5]
        np.testing.assert_array_equal(block.get_tensor("loss"), LOSS[3:6])
        np.testing.assert_array_equal(block.get_tensor("input_gradient(norm=2)"), GRADIENT[[3]])
        np.testing.assert_array_equal(block.get_tensor("scalar/weight_norm"), NORM[3:6])
        assert set(block.keys()) == {"loss", "input_gradient(norm=2)", "scalar/weight_norm"}
