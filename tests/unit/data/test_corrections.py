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


def test_a_test_set_comes_along(images: ImageSet) -> None:
    """As it is, in a folder of its own beside the corrected files; as arrays in an .npz."""
    for part, kept in (("train", slice(0, 8)), ("val", slice(8, 12))):
        for path in sorted(Path("photos").rglob("*.png"))[kept]:
            new = Path("split") / part / path.relative_to("photos")
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(path.read_bytes())
    decided(load_images("split").train, *ROWS)
    said = applied(data="split")
    assert said == (
        "1 labels corrected and 1 images left out of 8, with the test set of 4 as it was, written to new"
    )
    applied(data="split", into="new.npz")
    before = load_images("split").test
    for again in (load_images("folder(path=new, id=id)"), load_images("new.npz")):
        assert again.test is not None and before is not None
        assert again.train.ids.tolist() == [0, 1, 3, 4, 5, 6, 7]
        np.testing.assert_array_equal(again.test.labels, before.labels)
        np.testing.assert_array_equal(np.asarray(again.test.images), np.asarray(before.images))


def test_a_held_out_part_is_the_test_set_of_the_copy(images: ImageSet) -> None:
    """What `holdout` took out stays out."""
    spec = "folder(path=photos, holdout=0.25)"
    decided(load_images(spec).train, (1, "cat", "wrong", "dog"))
    applied(data=spec)
    before, again = load_images(spec).test, load_images("folder(path=new, id=id)").test
    assert before is not None and again is not None and before.names is not None and again.names is not None
    assert again.names.tolist() == before.names.tolist()


def test_names_of_classes_may_begin_or_end_with_a_space() -> None:
    """What the table is read with takes such spaces away; the class is still found."""
    pixels, labels = np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1])
    np.savez("odd.npz", images=pixels, labels=labels, classes=np.array(["cat ", " dog"]))
    decided(load_images("odd.npz").train, (0, "cat ", "wrong", " dog"))
    applied(data="odd.npz", into="new.npz")
    assert load_images("new.npz").train.labels.tolist() == [1, 1, 0, 1]


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
        ({"decisions": "none.csv"}, "there is no file none.csv"),
    ],
)
def test_a_place_that_is_taken_and_a_file_that_is_not_there(
    images: ImageSet, settings: dict[str, str], words: str
) -> None:
    """In one line."""
    decided(images, *ROWS)
    with pytest.raises(InputError, match=words):
        applied(**settings)
