"""Pairs of images that a person looked at: one picture, or two that are alike.

`judged_pairs.json` holds, by data set, pairs of positions, the lower first; test images count on from
training images. One picture is also one recoloured, brighter, sharper, mirrored, cut, framed or with a
caption; another thing of the same make is not. Axes: H, W, C.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memest.data.mapped import Images

Pair = tuple[int, int]
JUDGED = Path(__file__).parent / "judged_pairs.json"
_ACROSS, _SIDE, _TEXT = 10, 64, 12


@dataclass(frozen=True)
class Judged:
    """What a person said of the pairs of a data set.

    Attributes:
        one: those that show one picture.
        two: those that do not.
    """

    one: frozenset[Pair]
    two: frozenset[Pair]

    def unknown(self, pairs: Iterable[Pair]) -> list[Pair]:
        """The pairs that nobody looked at, in order."""
        return sorted(set(pairs) - self.one - self.two)


def judged(name: str) -> Judged:
    """What was said of a data set; nothing of one that is not in the file."""
    kept = json.loads(JUDGED.read_text()).get(name, {})
    return Judged(*(frozenset((a, b) for a, b in kept.get(word, [])) for word in ("one", "two")))


def draw(pairs: Sequence[Pair], sets: Sequence[Images], into: Path) -> None:
    """A sheet of pairs side by side, each below its positions."""
    from PIL import Image, ImageDraw

    rows = -(-len(pairs) // _ACROSS)
    width, height = 2 * _SIDE + 6, _SIDE + _TEXT + 4
    sheet = Image.new("RGB", (_ACROSS * width, max(1, rows) * height), "white")
    for number, pair in enumerate(pairs):
        left, top = number % _ACROSS * width, number // _ACROSS * height
        ImageDraw.Draw(sheet).text((left, top), f"{pair[0]} {pair[1]}", fill="black")
        for place, image in enumerate(pair):
            shown = Image.fromarray(_at(sets, image)).convert("RGB").resize((_SIDE, _SIDE))
            sheet.paste(shown, (left + place * _SIDE, top + _TEXT))
    sheet.save(into)


def _at(sets: Sequence[Images], position: int) -> NDArray[np.uint8]:
    """One image of some sets in a row, (H, W, C), or (H, W) of grey ones."""
    for images in sets:
        if position < len(images):
            shown = np.asarray(images[position : position + 1], np.uint8)[0]
            return np.asarray(shown[..., 0] if shown.shape[2] == 1 else shown)
        position -= len(images)
    raise IndexError(position)
