"""The colour of a training run in charts: a hue for its network, a shade for its seed."""

from __future__ import annotations

import colorsys

from memest.grammar.config import digest
from memest.models import MODELS

_SPREAD = 15.0
"""Degrees by which other settings move a hue at most, to either side."""
_SHADES = (0.57, 0.30, 0.46, 0.68)
"""Lightness by seed, those of seeds that follow one another far apart; all are seen on white and on black."""
_SATURATION = 0.7


def run_colour(model: str, seed: int, *others: str) -> str:
    """The colour as `#rrggbb`.

    Args:
        model: spec of the network; each has its hue.
        seed: of the run; chooses the shade.
        others: what else tells runs apart, such as data and corruption; moves the hue a little.
    """
    spec = MODELS.parse(model)
    moved = int(digest(spec.short(), *others)[:4], 16) / 0xFFFF
    place = MODELS.own.index(spec.name) if spec.name in MODELS.own else moved * len(MODELS.own)
    hue = (360 * place / len(MODELS.own) + _SPREAD * (2 * moved - 1)) % 360 / 360
    parts = colorsys.hls_to_rgb(hue, _SHADES[seed % len(_SHADES)], _SATURATION)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
