"""Corruptions: exactly what they say is changed, everything else is as it was, and the truth says which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memest.data import ImageSet, Truth, corrupt, load_images
from memest.errors import DataError, SettingError, UnknownNameError
from memest.seeding import Streams


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    """Real images whose ids are not their positions."""
    whole = load_images("digits").train
    return whole.take(np.random.default_rng(0).permutation(len(whole)))


@pytest.fixture(scope="module")
def people(digits: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels by id as people might give them: every seventh is one class off."""
    clean = np.full(digits.ids.max() + 1, 0)
    clean[digits.ids] = digits.labels
    noisy = np.where(np.arange(len(clean)) % 7 == 0, (clean + 1) % 10, clean)
    path = tmp_path_factory.mktemp("people") / "human.npz"
    np.savez(path, clean_label=clean, noisy_label=noisy, strings=np.array(["a"]))
    return path


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class 0 becomes 1 or 2 with probability one half each; all others stay."""
    rows = np.eye(10)
    rows[0, :3] = [0, 0.5, 0.5]
    path = tmp_path_factory.mktemp("matrix") / "rows.npy"
    np.save(path, rows)
    return path


@pytest.fixture(
    params=[
        "symmetric_noise(rate=0.05)",
        "class_noise(rate=0.3)",
        "class_noise(matrix='{matrix}')",
        "human_noise(path='{people}')",
        "conflicting_duplicates(pairs=40)",
        "same_label_duplicates(pairs=40)",
    ]
)
def spec(request: pytest.FixtureRequest, matrix: Path, people: Path) -> str:
    """Every corruption that damages something."""
    text: str = request.param
    return text.replace("{matrix}", str(matrix)).replace("{people}", str(people))


def test_the_truth_tells_all_of_the_damage(digits: ImageSet, spec: str) -> None:
    """Ids stay; what the truth does not call changed has its own label and image; nothing is drawn twice."""
    damaged, truth = corrupt(digits, spec, Streams(3))
    np.testing.assert_array_equal(damaged.ids, digits.ids)
    np.testing.assert_array_equal(truth.original_labels, digits.labels)
    untouched = ~truth.changed
    np.testing.assert_array_equal(damaged.labels[untouched], digits.labels[untouched])
    np.testing.assert_array_equal(damaged.images[untouched], digits.images[untouched])
    assert 0 < truth.changed.sum() < len(digits)
    assert corrupt(digits, spec, Streams(3))[0].fingerprint == damaged.fingerprint
    stored = Truth.from_columns(truth.columns(), truth.spec)
    assert stored.apply(digits).fingerprint == damaged.fingerprint


def test_noise_changes_labels_only(digits: ImageSet, spec: str) -> None:
    """No noise touches an image, and what it calls changed has another label."""
    if "duplicates" not in spec:
        damaged, truth = corrupt(digits, spec, Streams(0))
        np.testing.assert_array_equal(damaged.images, digits.images)
        np.testing.assert_array_equal(truth.changed, damaged.labels != digits.labels)


def test_class_noise_moves_an_exact_share_of_each_class(digits: ImageSet) -> None:
    """⌊rate·n⌋ of every class go to the next, the last to the first, and nowhere else."""
    damaged, truth = corrupt(digits, "class_noise(rate=0.3)", Streams(0))
    for k in range(10):
        moved = truth.changed & (digits.labels == k)
        assert moved.sum() == 3 * (digits.labels == k).sum() // 10
        assert set(damaged.labels[moved]) == {(k + 1) % 10}


def test_a_named_map_goes_by_class_names(digits: ImageSet) -> None:
    """cifar10's map finds its classes wherever they stand, and is refused where they do not exist."""
    names = ("truck", "dog", "cat", "bird", "airplane", "automobile", "deer", "horse", "frog", "ship")
    renamed = replace(digits, classes=names)
    damaged, truth = corrupt(renamed, "class_noise(rate=0.5, map=cifar10)", Streams(0))
    pairs = set(zip(digits.labels[truth.changed], damaged.labels[truth.changed], strict=True))
    assert pairs == {(0, 5), (1, 2), (2, 1), (3, 4), (6, 7)}
    with pytest.raises(SettingError, match="speaks of class"):
        corrupt(digits, "class_noise(rate=0.5, map=cifar10)", Streams(0))
    with pytest.raises(UnknownNameError, match="next"):
        corrupt(digits, "class_noise(rate=0.5, map=nextt)", Streams(0))


def test_a_matrix_is_drawn_from(digits: ImageSet, matrix: Path) -> None:
    """All of class 0 leaves, half to each of two classes within five deviations; the rest stays."""
    damaged, truth = corrupt(digits, f"class_noise(matrix='{matrix}')", Streams(0))
    np.testing.assert_array_equal(truth.changed, digits.labels == 0)
    ones = (damaged.labels[truth.changed] == 1).sum()
    count = truth.changed.sum()
    assert set(damaged.labels[truth.changed]) == {1, 2}
    assert abs(ones - count / 2) < 5 * np.sqrt(count) / 2


@pytest.mark.parametrize("bad", [np.eye(9), np.ones((10, 10)), np.full(10, 0.1), np.eye(10) * 2 - 1])
def test_a_matrix_must_be_of_distributions(digits: ImageSet, bad: np.ndarray, tmp_path: Path) -> None:
    """Another size, rows that do not sum to one, negative entries: refused."""
    np.save(tmp_path / "bad.npy", bad)
    with pytest.raises(DataError, match="rows are distributions"):
        corrupt(digits, f"class_noise(matrix='{tmp_path / 'bad.npy'}')", Streams(0))


@pytest.mark.parametrize("text", ["class_noise", "class_noise(rate=0.1, matrix='x.npy')"])
def test_a_rate_or_a_matrix_but_not_both(digits: ImageSet, text: str) -> None:
    """Which of the two is meant must be said."""
    with pytest.raises(SettingError, match="and not both"):
        corrupt(digits, text, Streams(0))


def test_human_labels_follow_the_ids(digits: ImageSet, people: Path) -> None:
    """The label of an example is that of its id, in whatever order, and for a part of the set too."""
    part = digits.take(np.arange(100, 300))
    damaged, truth = corrupt(part, f"human_noise(path='{people}')", Streams(0))
    np.testing.assert_array_equal(truth.changed, part.ids % 7 == 0)
    np.testing.assert_array_equal(damaged.labels[truth.changed], (part.labels[truth.changed] + 1) % 10)


def test_human_labels_of_another_order_are_refused(digits: ImageSet, people: Path) -> None:
    """Clean labels that are not the dataset's own mean that ids are not places in this file."""
    shifted = replace(digits, ids=np.roll(digits.ids, 1))
    with pytest.raises(DataError, match="another order"):
        corrupt(shifted, f"human_noise(path='{people}')", Streams(0))
    with pytest.raises(DataError, match="there is an example"):
        corrupt(replace(digits, ids=digits.ids + 5000), f"human_noise(path='{people}')", Streams(0))
    with pytest.raises(DataError, match="no array 'worse_label'"):
        corrupt(digits, f"human_noise(path='{people}', noisy=worse_label)", Streams(0))
    with pytest.raises(DataError, match="whole numbers"):
        corrupt(digits, f"human_noise(path='{people}', noisy=strings)", Streams(0))


@pytest.mark.parametrize("kind", ["conflicting", "same_label"])
def test_a_copy_shows_its_partner(digits: ImageSet, kind: str) -> None:
    """Pairs are disjoint; the copy shows the twin's image, and its label agrees or conflicts as named."""
    damaged, truth = corrupt(digits, f"{kind}_duplicates(pairs=50)", Streams(0))
    copies = np.flatnonzero(truth.partner_ids >= 0)
    place = {example: n for n, example in enumerate(digits.ids)}
    twins = np.array([place[partner] for partner in truth.partner_ids[copies]])
    assert len(copies) == 50
    assert len({*copies, *twins}) == 100
    assert set(np.flatnonzero(truth.changed)) == {*copies, *twins}
    np.testing.assert_array_equal(damaged.images[copies], digits.images[twins])
    np.testing.assert_array_equal(damaged.labels[twins], digits.labels[twins])
    agrees = damaged.labels[copies] == damaged.labels[twins]
    assert agrees.all() if kind == "same_label" else not agrees.any()


@pytest.mark.parametrize("kind", ["conflicting", "same_label"])
def test_more_pairs_than_images_are_refused(digits: ImageSet, kind: str) -> None:
    """As many pairs as there are images cannot be disjoint."""
    with pytest.raises(SettingError, match="pairs"):
        corrupt(digits, f"{kind}_duplicates(pairs={len(digits)})", Streams(0))


@pytest.mark.parametrize(
    "text", ["symmetric_noise(rate=0.5)", "class_noise(rate=0.5)", "conflicting_duplicates(pairs=50)"]
)
def test_noise_stays_among_the_classes_that_occur(digits: ImageSet, text: str) -> None:
    """A class that no image has gets none; the draws are those of the set without that class."""
    spaced = replace(digits, labels=digits.labels * 2 + 1, classes=tuple("abcdefghijklmnopqrstu"))
    damaged, truth = corrupt(spaced, text, Streams(1))
    assert set(damaged.labels) == set(spaced.labels)
    closed, _ = corrupt(digits, text, Streams(1))
    np.testing.assert_array_equal(damaged.labels, closed.labels * 2 + 1)
    assert truth.changed.sum() > 90


def test_labels_from_one_are_said_in_one_line(
    digits: ImageSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Labels 1…10 make an eleventh class 0 that nothing has: said once, by name; labels 0…9 say nothing."""
    for first, words in ((1, "1 of 11 classes without an image (0)"), (0, "")):
        np.savez(tmp_path / "own.npz", images=digits.images, labels=digits.labels + first)
        caplog.clear()
        load_images(f"npz(path='{tmp_path / 'own.npz'}')")
        assert len(caplog.messages) == first
        assert words in "".join(caplog.messages)


def test_confusable_noise_prefers_classes_that_look_alike() -> None:
    """Of two dark classes and a bright one, dark images get the other dark label three times in four."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 400)
    bright = np.array([20, 40, 220])[labels]
    pixels = rng.integers(-10, 10, (1200, 9, 11, 1)) + bright[:, None, None, None]
    images = ImageSet(pixels.astype(np.uint8), labels, np.arange(1200), ("a", "b", "c"), "made up")
    damaged, truth = corrupt(images, "confusable_noise(rate=0.5)", Streams(3))
    assert truth.changed.sum() == 600
    assert (damaged.labels[truth.changed] != labels[truth.changed]).all()
    dark = truth.changed & (labels < 2)
    assert abs((damaged.labels[dark] == 1 - labels[dark]).mean() - 0.75) < 0.06
