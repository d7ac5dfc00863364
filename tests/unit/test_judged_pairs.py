"""Pairs that a person judged, as the benchmark of near-duplicates reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.judged import JUDGED, Judged, draw, judged


def test_no_pair_is_called_both_and_the_lower_position_is_first() -> None:
    """Otherwise a pair would be looked up in vain, or count as right and wrong."""
    for name in json.loads(JUDGED.read_text()):
        said = judged(name)
        assert not said.one & said.two
        assert all(low < high for low, high in said.one | said.two)


def test_pairs_that_nobody_looked_at_are_drawn(tmp_path: Path) -> None:
    """Grey and coloured images, of a second set too; what was judged is left out."""
    unknown = Judged(frozenset({(0, 1)}), frozenset({(1, 2)})).unknown({(0, 1), (1, 2), (0, 2)})
    assert unknown == [(0, 2)]
    for channels in (1, 3):
        sets = [np.zeros((2, 8, 8, channels), np.uint8), np.full((1, 8, 8, channels), 255, np.uint8)]
        draw(unknown, sets, tmp_path / "pairs.png")
        shown = np.asarray(Image.open(tmp_path / "pairs.png").convert("L"))
        assert shown[40, 20] == 0 and shown[40, 90] == 255
