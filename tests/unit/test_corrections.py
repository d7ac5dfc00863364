"""Decisions become a corrected dataset: what was decided and nothing else, on what it was decided on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from memest.data import ImageSet, load_images
from memest.data.corrections import COLUMNS
from memest.errors import InputError
from memest.grammar.config import build
from memest.stages.apply import ApplyConfig, apply

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)


@pytest.fixture(autouse=True)
def images() -> ImageSet:
    """Six cats, then six dogs, as image files."""
    for n, pixels in enumerate(PIXELS):
        path = Path("photos") / ("cat" if n < 6 else "dog") / f"{n:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return load_images("photos").train


def decided(images: ImageSet, *rows: tuple[Any, ...]) -> None:
    """A file of decisions: id, label, decision, new label."""
    lines = [",".join(map(str, (images.fingerprint, *row))) for row in rows]
    Path("decisions.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")


def applied(**settings: str) -> str:
    """What the command says."""
    given = {"decisions": "decisions.csv", "data": "photos", "into": "new"} | settings
    return apply(build(ApplyConfig, given))


ROWS = (
    (1, "cat", "wrong", "dog"),
    (2, "cat", "remove", ""),
    (3, "cat", "right", ""),
    (7, "dog", "unsure", ""),
)


def test_a_corrected_folder_has_the_files_and_a_table(images: ImageSet) -> None:
    """One label changed, one image gone, ids kept; the original is untouched."""
    before = {path: path.read_bytes() for path in Path("photos").rglob("*.png")}
    decided(images, *ROWS)
    assert applied() == "1 labels corrected and 1 images left out of 12, written to new"
    again = load_images("folder(path=new, id=id)").train
    kept = [n for n in range(12) if n != 2]
    assert again.ids.tolist() == kept
    assert [again.classes[k] for k in again.labels] == ["dog" if n == 1 or n > 5 else "cat" for n in kept]
    np.testing.assert_array_equal(np.asarray(again.images)[..., 0], PIXELS[kept])
    assert before == {path: path.read_bytes() for path in Path("photos").rglob("*.png")}


def test_a_corrected_npz_has_all_that_the_source_had(images: ImageSet) -> None:
    """Pixels, ids, names and classes."""
    decided(images, *ROWS)
    applied(into="new.npz")
    again = load_images("new.npz").train
    assert again.names is not None and images.names is not None
    assert again.names.tolist() == np.delete(images.names, 2).tolist()
    assert again.labels.tolist() == [0, 1, 0, 0, 0, *[1] * 6]
    np.testing.assert_array_equal(again.images[..., 0], np.delete(PIXELS, 2, 0))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((1, "dog", "wrong", "cat"), r"line 2: id 1 was 'dog' when it was decided, and is 'cat'"),
        ((99, "cat", "wrong", "dog"), "the dataset has no id 99"),
        (("x", "cat", "wrong", "dog"), "the dataset has no id x"),
        ((1, "cat", "wrong", "bird"), "new_label 'bird' is no class"),
        ((1, "cat", "perhaps", ""), "decision must be one of right, wrong, unsure, remove"),
    ],
)
def test_a_decision_that_does_not_fit_writes_nothing(
    images: ImageSet, row: tuple[Any, ...], words: str
) -> None:
    """Named with its line."""
    decided(images, row)
    with pytest.raises(InputError, match=words):
        applied()
    assert not Path("new").exists()


def test_decisions_on_other_images_are_refused(images: ImageSet) -> None:
    """One changed label in the source is enough."""
    decided(images, *ROWS)
    Path("photos/cat/05.png").rename("photos/dog/05.png")
    with pytest.raises(InputError, match="was decided on fingerprint"):
        applied()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"into": "photos"}, "is there already"),
        ({"into": ""}, "needs a file of decisions and --into"),
        ({"decisions": "none.csv"}, "cannot be read as a table of decisions"),
    ],
)
def test_a_place_that_is_taken_and_a_file_that_is_not_there(
    images: ImageSet, settings: dict[str, str], words: str
) -> None:
    """In one line."""
    decided(images, *ROWS)
    with pytest.raises(InputError, match=words):
        applied(**settings)
