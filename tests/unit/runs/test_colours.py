"""The colours of runs in MLflow's charts: networks and seeds are told apart."""

from __future__ import annotations

import colorsys
from itertools import combinations, pairwise

from memest.models import MODELS
from memest.runs.colour import run_colour


def _hls(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return colorsys.rgb_to_hls(red, green, blue)


def test_networks_differ_in_hue_whatever_else_their_runs_do() -> None:
    """Common networks are at least 20 degrees apart, with data, corruption and epochs of any kind."""
    names = ("tiny", "resnet18", "vgg16", "mobilenetv2")
    for one, other in combinations(names, 2):
        for more in ("digits", "cifar10", "symmetric_noise(rate=0.1)"):
            near = abs(_hls(run_colour(one, 0, more))[0] - _hls(run_colour(other, 0, "digits"))[0]) * 360
            assert min(near, 360 - near) > 20, (one, other)


def test_seeds_differ_in_shade_and_a_run_keeps_its_colour() -> None:
    """Three seeds are seen apart on white; equal settings have equal colours, and every network has one."""
    shades = sorted(_hls(run_colour("tiny", seed, "digits"))[1] for seed in (1, 2, 3))
    assert min(high - low for low, high in pairwise(shades)) > 0.1
    assert run_colour("resnet18(width=8)", 1, "a") == run_colour("resnet18( width = 8 )", 1, "a")
    assert all(run_colour(name, 0).startswith("#") for name in MODELS)
