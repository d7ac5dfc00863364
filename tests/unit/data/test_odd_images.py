"""A folder with one of every odd image: what is read looks right, what is not is named, all is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import odd_images
import pytest
from odd_images import BAD, BLUE, COLOURED, GREEN, GREY, GREY_IN_COLOUR, GREYS, ONE_BIT, RED, SIZE, WHITE
from PIL import Image

from memest.data import ImageSet, load_images
from memest.data.decoded import cache_entries
from memest.errors import DataError
from memest.stages.cache import CacheConfig, cache

LOSSY = 40
"""How far lossy formats and palettes move a colour."""


@pytest.fixture
def odd() -> Path:
    """The folder."""
    odd_images.write(Path("odd"))
    return Path("odd")


def quarters(pixels: np.ndarray) -> np.ndarray:
    """The colours in the middle of the quarters of images (N, S, S, C), row by row, (N, 4, C)."""
    near, far = SIZE // 4, 3 * SIZE // 4
    return pixels[:, [near, near, far, far], [near, far, near, far]].astype(int)


def read(odd: Path) -> ImageSet:
    """What is read of the folder."""
    return load_images(f"folder(path={odd}, on_error=skip, size={SIZE}, color=rgb)").train


def test_every_odd_image_looks_as_it_should(odd: Path) -> None:
    """Upright, over white, scaled and never clipped: the same four quarters in all of them."""
    train = read(odd)
    assert train.names is not None
    expected = {f"colour/{name}": (RED, GREEN, BLUE, WHITE) for name in COLOURED}
    expected |= {f"grey/{name}": tuple((v,) * 3 for v in GREYS) for name in GREY | GREY_IN_COLOUR}
    expected |= {f"grey/{name}": ((0,) * 3, (0,) * 3, WHITE, WHITE) for name in ONE_BIT}
    assert set(train.names.tolist()) == set(expected)
    for name, seen in zip(train.names.tolist(), quarters(np.asarray(train.images)), strict=True):
        assert np.abs(seen - np.array(expected[name])).max() <= LOSSY, name


def test_what_cannot_be_read_is_named_with_its_reason(odd: Path) -> None:
    """Cut, empty, of another kind, of unknown range: each by its path; and by default nothing is left out."""
    split = load_images(f"folder(path={odd}, on_error=skip, size={SIZE})")
    assert set(split.left_out) == {f"colour/{name}" for name in BAD}
    for name, (_, words) in BAD.items():
        assert words in split.left_out[f"colour/{name}"]
    count = len(list(odd.rglob("*.*")))
    with pytest.raises(DataError, match=f"{len(BAD)} of {count} images in odd cannot be read"):
        load_images(f"folder(path={odd}, size={SIZE})")


def test_what_was_done_to_images_is_counted(odd: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, in a line, when they are decoded; and later in the listing of the cache."""
    read(odd)
    (entry,) = cache_entries()
    assert entry.notes == [
        "9 turned by their EXIF flag",
        "4 of several frames or pages, the first taken",
        "2 scaled from 16 bits",
        "1 of another format than their names say: colour/a png called.jpg (PNG)",
    ]
    assert all(note in caplog.text for note in entry.notes)
    assert all(note in cache(CacheConfig()) for note in entry.notes)
    caplog.clear()
    read(odd)
    assert "turned by" not in caplog.text


def test_images_of_colour_made_grey_are_counted(odd: Path) -> None:
    """What was lost on demand is said."""
    load_images(f"folder(path={odd}, on_error=skip, size={SIZE}, color=grey)")
    (entry,) = cache_entries()
    assert f"{len(COLOURED | GREY_IN_COLOUR)} in colour made grey" in entry.notes


def test_grey_images_alone_stay_grey(odd: Path) -> None:
    """One channel where all that are looked at have no colour, whatever their depth and transparency."""
    for part in ("grey", "grey2"):
        for name, content in (GREY | ONE_BIT).items():
            path = Path("only") / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    train = load_images(f"folder(path=only, size={SIZE})").train
    assert train.images.shape[3] == 1
    names = [] if train.names is None else train.names.tolist()
    found = quarters(np.asarray(train.images))[..., 0][names.index("grey/sixteen-bits.png")]
    np.testing.assert_array_equal(found, GREYS)


def test_a_contact_sheet_shows_them(odd: Path) -> None:
    """`python tests/odd_images.py FOLDER` paints what was read, for people to look at."""
    train = read(odd)
    names = [] if train.names is None else train.names.tolist()
    sheet = odd_images.contact_sheet(np.asarray(train.images), names)
    assert isinstance(sheet, Image.Image)
    assert sheet.getpixel((20, 20)) == RED
