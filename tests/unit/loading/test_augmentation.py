"""Augmentations."""

from __future__ import annotations

import pytest
import torch
from small_sets import draw

from memest.loading import AUGMENTATIONS


def generator(seed: int = 0) -> torch.Generator:
    """A torch generator on the CPU."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_a_crop_is_a_window_of_the_padded_image(kind: torch.dtype, padding: int, flip: bool) -> None:
    """Example by example: mirror, pad with zeros, cut a window out; from the same draws."""
    pixels = torch.from_numpy(draw(30, size=9, channels=3).images).permute(0, 3, 1, 2).to(kind)
    noise = generator()
    shifts = torch.randint(-padding, padding + 1, (2, 30, 1), generator=noise)
    mirrored = torch.randint(0, 2, (30, 1), generator=noise)
    spec = f"crop_flip(padding={padding})" if flip else f"crop(padding={padding})"
    cropped = AUGMENTATIONS.call(spec, pixels, generator())
    assert cropped.dtype == kind
    for n in range(30):
        image = pixels[n].flip(2) if flip and mirrored[n] else pixels[n]
        padded = torch.zeros(3, 9 + 2 * padding, 9 + 2 * padding, dtype=kind)
        padded[:, padding : padding + 9, padding : padding + 9] = image
        top, left = padding + int(shifts[0, n]), padding + int(shifts[1, n])
        assert torch.equal(cropped[n], padded[:, top : top + 9, left : left + 9])
    assert 0 < mirrored.sum() < 30
    assert len(shifts.unique()) == 2 * padding + 1


@pytest.mark.parametrize("spec", ["none", "crop(padding=0)"])
def test_no_augmentation_is_the_identity(spec: str) -> None:
    """Without a shift and without a flip the pixels are as they were."""
    pixels = torch.from_numpy(draw().images).permute(0, 3, 1, 2)
    assert torch.equal(AUGMENTATIONS.call(spec, pixels, generator()), pixels)
