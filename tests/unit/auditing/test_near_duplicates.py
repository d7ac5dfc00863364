"""Copies among images: which are found, how they are grouped, and what the threshold is worth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from memest.auditing.copies import KINDS, copies
from memest.auditing.descriptors import descriptors_of, low_frequencies
from memest.auditing.grouping import stars
from memest.auditing.near_duplicates import Duplicates, groups_of
from memest.auditing.neighbours import Pairs, most_similar
from memest.auditing.similarity_threshold import find_threshold
from memest.data import ImageSet
from memest.data.mapped import MappedImages, facts_of


def pictures(count: int, seed: int = 0, side: int = 24, channels: int = 3) -> np.ndarray:
    """Images of things: noise in which low frequencies are strongest, (count, side, side, channels)."""
    rng = np.random.default_rng(seed)
    waves = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    spectrum = (
        np.fft.fft2(rng.standard_normal((count, channels, side, side))) / np.maximum(waves, 0.02) ** 1.2
    )
    found = np.fft.ifft2(spectrum).real
    found = 127 + 50 * (found - found.mean((2, 3), keepdims=True)) / found.std((2, 3), keepdims=True)
    return np.moveaxis(found, 1, 3).round().clip(0, 255).astype(np.uint8)


def image_set(pixels: np.ndarray, labels: np.ndarray | None = None) -> ImageSet:
    count = len(pixels)
    labels = np.zeros(count, np.int64) if labels is None else labels
    return ImageSet(pixels, labels, np.arange(count) * 2 + 5, ("cat", "dog"), "test")


CHANGES = ["compressed", "brightened", "mirrored", "shifted", "cropped"]


@cache
def changed_copies() -> Duplicates:
    """What is found among 300 images and 20 changed copies of each kind, each of another image."""
    images = pictures(300)
    changed = [
        copies(images[20 * place : 20 * (place + 1)], kind, np.random.default_rng(1))
        for place, kind in enumerate(CHANGES)
    ]
    return groups_of(image_set(np.concatenate([images, *changed])))


@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(kind: str) -> None:
    """Of 300 images 20 have a copy: all but one are found (of cropped ones all but three), none of others."""
    least = 17 if kind == "cropped" else 19
    found, first = changed_copies(), 20 * CHANGES.index(kind)
    pairs = {group.ids for group in found.groups}
    planted = [(2 * i + 5, 2 * (300 + i) + 5) for i in range(100)]
    assert len(pairs & set(planted[first : first + 20])) >= least and pairs <= set(planted)
    assert all(not group.exact and group.relation == "same label" for group in found.groups)
    assert found.precision >= 0.99 and set(found.recall) == set(KINDS)
    assert found.recall[kind] >= least / 20


def test_exact_copies_are_told_from_near_ones_and_by_their_labels() -> None:
    """All pixels equal is exact; one label or several; a copy in the test set is a leak."""
    images = pictures(60)
    train = np.concatenate([images[:50], images[[0, 1]], images[[2]]])
    labels = np.zeros(53, np.int64)
    labels[51] = 1
    test = image_set(np.concatenate([images[50:], images[[2, 7]]]))
    test = replace(test, names=np.array([f"t{i}.png" for i in range(12)], np.dtypes.StringDType()))
    found = {group.ids: group for group in groups_of(image_set(train, labels), test).groups}
    assert {group.relation for group in found.values()} == {"same label", "conflicting", "test set"}
    assert found[(5, 105)].relation == "same label" and found[(5, 105)].similarity == 1
    assert found[(7, 107)].relation == "conflicting"
    assert found[(9, 109)].test_files == ("t10.png",) and found[(19,)].test_files == ("t11.png",)
    assert all(group.exact for group in found.values()) and len(found) == 4


def test_copies_within_the_test_set_are_no_finding() -> None:
    images = pictures(40)
    test = image_set(np.concatenate([images[30:], images[30:]]))
    assert groups_of(image_set(images[:30]), test).groups == ()


def test_images_on_disk_give_the_same_groups() -> None:
    """The hashes that are kept beside a mapped array stand in for its pixels."""
    images = pictures(80)
    images = np.concatenate([images, images[:3], copies(images[5:8], "brightened", np.random.default_rng(0))])
    mapped = MappedImages(images, np.arange(len(images)), *facts_of(images))
    plain = groups_of(image_set(images))
    assert len(plain.groups) == 6
    assert groups_of(replace(image_set(images), images=mapped)).groups == plain.groups


def test_the_order_of_the_images_does_not_matter() -> None:
    images = np.concatenate([pictures(90), pictures(10)])
    shuffled = image_set(images).take(np.random.default_rng(3).permutation(100))
    assert {g.ids for g in groups_of(shuffled).groups} == {g.ids for g in groups_of(image_set(images)).groups}


def test_a_data_set_full_of_copies_does_not_hide_them() -> None:
    """Every second image is a brightened copy of another one: real pairs do not count as chance."""
    images = pictures(200)
    both = np.concatenate([images, copies(images, "brightened", np.random.default_rng(2))])
    found = groups_of(image_set(both))
    right = [group for group in found.groups if group.ids[1:] == (group.ids[0] + 400,)]
    assert len(right) >= 180 and len(right) >= 0.99 * len(found.groups)


@pytest.mark.parametrize("pixels", [np.full((1, 8, 8, 1), 7, np.uint8), np.zeros((5, 16, 16, 3), np.uint8)])
def test_a_single_image_and_black_ones_are_no_error(pixels: np.ndarray) -> None:
    groups = groups_of(image_set(pixels)).groups
    assert [group.exact for group in groups] == [True] * (len(pixels) > 1)


def test_images_of_one_colour_are_no_copies_of_each_other() -> None:
    """They have nothing by which they could be told to be alike but their pixels."""
    shades = np.arange(20, 220, 5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 12, 12, 1), np.uint8)
    assert groups_of(image_set(shades)).groups == ()


def test_a_chain_of_similar_images_is_no_group() -> None:
    """a–b–c–d–e, each like the next: no group holds two that are more than two links apart."""
    chain = Pairs(np.arange(9), np.arange(1, 10), np.linspace(0.99, 0.9, 9).astype(np.float32))
    groups = [sorted(group) for group in stars(chain)]
    assert all(group[-1] - group[0] <= 2 for group in groups)
    taken = [image for group in groups for image in group]
    assert len(taken) == len(set(taken))


def test_the_blocked_search_finds_what_comparing_all_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the whole matrix of cosines, with blocks of seven rows."""
    monkeypatch.setattr("memest.auditing.neighbours._BLOCK", 7)
    images = pictures(40)
    plain, mirrored = (descriptors_of(images, low_frequencies, flip) for flip in (False, True))
    cosines = np.maximum(plain @ plain.T, plain @ mirrored.T)
    wanted = [(cosines[i, j], i, j) for i in range(25) for j in range(i + 1, 40)]
    wanted = sorted(wanted, reverse=True)[:30]
    found = most_similar(plain, mirrored, 25, 30)
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == {(i, j) for _, i, j in wanted}
    assert found.similarity == pytest.approx([cosine for cosine, _, _ in wanted], abs=1e-6)


def test_a_brighter_image_has_the_same_descriptor_and_a_mirrored_one_that_of_its_mirror_image() -> None:
    images = pictures(10) // 4 + 60
    brighter = (images * 2 - 30).astype(np.uint8)
    cosine = (descriptors_of(images, low_frequencies) * descriptors_of(brighter, low_frequencies)).sum(1)
    assert cosine == pytest.approx(np.ones(10), abs=1e-3)
    turned = np.ascontiguousarray(images[:, :, ::-1])
    assert np.array_equal(
        descriptors_of(turned, low_frequencies), descriptors_of(images, low_frequencies, True)
    )


def test_chance_pairs_that_are_as_similar_as_copies_leave_exact_copies_alone() -> None:
    """No threshold is precise enough where copies are no more alike than other pairs are."""
    chance = np.linspace(0.99, 0.5, 5000).astype(np.float32)
    found = find_threshold(chance, {"cropped": np.full(50, 0.8, np.float32)}, 1000)
    assert found.value > 0.9899
    assert not found.found["cropped"].any()


def test_pairs_less_alike_than_any_planted_copy_are_no_copies() -> None:
    """Forty pairs of one make (.70 to .88), which the law does not foresee, beside copies from .9 on."""
    chance = 0.6 * (1 - (np.arange(1, 20_001) / 20_000) ** (1 / 12))
    own = np.concatenate([[0.95], np.linspace(0.88, 0.7, 40), chance]).astype(np.float32)
    planted = {"compressed": np.linspace(0.9, 1, 300).astype(np.float32)}
    found = find_threshold(own, planted, 10_000)
    assert 0.88 < found.value < 0.9 + 0.1 * 0.02 + 1e-3
    assert found.found["compressed"].mean() >= 0.98


def test_planted_copies_are_given_up_only_for_more_pairs_that_are_left_out() -> None:
    """One pair of the data set lies among the least alike of 500 copies: all of these are found."""
    own = np.concatenate([[0.803], np.linspace(0.5, 0.1, 20_000)]).astype(np.float32)
    planted = {"compressed": np.linspace(0.8, 1, 300).astype(np.float32)}
    assert find_threshold(own, planted, 10_000).found["compressed"].all()
