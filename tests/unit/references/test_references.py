"""References: no number without its example, its label and its direction."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from memest.errors import DataError, UnknownNameError
from memest.references import (
    REFERENCES,
    Identity,
    Reference,
    feldman_zhang_pairs,
    record_numbers,
    write_values,
)

RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 10, 200)
SCORES = RNG.random(200)


def asked(ids: np.ndarray, labels: np.ndarray) -> Identity:
    """Examples of a run."""
    return Identity("run abc", ids, labels, "torchvision")


def load(spec: str) -> Reference:
    """The reference that a spec names."""
    found: Reference = REFERENCES.call(spec)
    return found


def test_c_scores_are_easy_where_they_are_high() -> None:
    """Hardness is 1 − score, by id, for a part of the dataset in any order."""
    np.savez("c.npz", labels=LABELS, scores=SCORES.astype(np.float32))
    ids = RNG.permutation(200)[:50]
    hardness = load("c_scores(path=c.npz)").hardness(asked(ids, LABELS[ids]))
    np.testing.assert_array_equal(hardness, 1 - SCORES.astype(np.float32)[ids].astype(float))


def test_memorization_is_read_without_its_matrices() -> None:
    """`tr_mem` is hard where it is high, below zero as well; a pickled array beside it is never opened."""
    odd = np.array([{"a": 1}], dtype=object)
    np.savez("fz.npz", tr_labels=LABELS, tr_mem=SCORES - 0.1, infl_matrix_class0=odd)
    reference = load("feldman_zhang(path=fz.npz)")
    np.testing.assert_array_equal(reference.hardness(asked(np.arange(200), LABELS)), SCORES - 0.1)


def test_pairs_are_proved_by_their_memorization() -> None:
    """The pairs file has no labels: its `mem` must be that of its training examples."""
    np.savez("fz.npz", tr_labels=LABELS, tr_mem=SCORES)
    reference = load("feldman_zhang(path=fz.npz)")
    train = np.array([5, 5, 190])
    pairs = {"tr_idx": train, "tt_idx": np.array([1, 2, 3]), "infl": np.array([0.2, 0.3, 0.4])}
    np.savez("pairs.npz", **pairs, mem=SCORES[train].astype(np.float32))
    found = feldman_zhang_pairs("pairs.npz", reference)
    np.testing.assert_array_equal(found.train_ids, train)
    np.testing.assert_array_equal(found.influence, [0.2, 0.3, 0.4])
    np.savez("shifted.npz", **pairs, mem=SCORES[train + 1])
    with pytest.raises(DataError, match=r"differs from .* for 3 of 3 pairs .*\[5, 5, 190\]"):
        feldman_zhang_pairs("shifted.npz", reference)
    np.savez("beyond.npz", **pairs | {"tr_idx": train + 10}, mem=SCORES[train])
    with pytest.raises(DataError, match="training example 200"):
        feldman_zhang_pairs("beyond.npz", reference)


def test_people_disagree_by_shares() -> None:
    """One array of labels gives 0 or 1, several the share of them that differ from the clean label."""
    others = {f"random_label{n}": np.where(np.arange(200) % n == 0, LABELS ^ 1, LABELS) for n in (2, 3)}
    np.savez("human.npz", clean_label=LABELS, **others)
    wanted = asked(np.arange(200), LABELS)
    one = load("human_labels(path=human.npz, name=random_label2)").hardness(wanted)
    np.testing.assert_array_equal(one, np.arange(200) % 2 == 0)
    both = load("human_labels(path=human.npz, name='random_label2, random_label3')").hardness(wanted)
    np.testing.assert_array_equal(both[:4], [1, 0, 0.5, 0.5])


def test_wrong_labels_are_refused_and_counted() -> None:
    """One label apart is enough; the error says how many, which first, and both orders."""
    np.savez("c.npz", labels=LABELS, scores=SCORES)
    wrong = LABELS.copy()
    wrong[[7, 90]] += 1
    message = rf"of C-scores in c.npz .* run abc for 2 of 200 .*7: {LABELS[7]} there, {wrong[7]} here"
    with pytest.raises(DataError, match=message):
        load("c_scores(path=c.npz)").hardness(asked(np.arange(200), wrong))
    with pytest.raises(DataError, match=r"example 200 \(1 of 1 are missing: 200\)"):
        load("c_scores(path=c.npz)").hardness(asked(np.array([200]), np.array([0])))


def test_records_of_tensorflow_datasets_are_numbered() -> None:
    """A file in another order says by `train_NNNNN` which example is which; without that it is refused."""
    order = RNG.permutation(200)
    records = np.array([f"train_{n:05d}" for n in order])
    np.savez("tfds.npz", ids=records, labels=LABELS[order], scores=SCORES[order])
    wanted = asked(np.arange(200), LABELS)
    np.testing.assert_array_equal(load("c_scores(path=tfds.npz)").hardness(wanted), 1 - SCORES)
    np.savez("unnumbered.npz", labels=LABELS[order], scores=SCORES[order])
    with pytest.raises(DataError, match="another order"):
        load("c_scores(path=unnumbered.npz)").hardness(wanted)
    assert record_numbers(np.array([b"train_00042", b"7"])).tolist() == [42, 7]
    with pytest.raises(DataError, match=r"such as train_00042, .* not 'train'"):
        record_numbers(np.array(["train"]))


@pytest.mark.parametrize("folder", [True, False])
def test_file_names_are_places_in_an_image_folder(tmp_path: Path, folder: bool) -> None:
    """Examples in any order get the number that torchvision's ImageFolder gives their file."""
    from PIL import Image
    from torchvision.datasets import ImageFolder

    names = [f"n0{k}/n0{k}_{n}.png" for k in (3, 1, 2) for n in (10, 9, 100)]
    for name in names:
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (1, 1)).save(tmp_path / "images" / name)
    samples = ImageFolder(str(tmp_path / "images")).samples
    value = {name: float(place) / 10 for place, name in enumerate(names)}
    wanted = [str(Path(path).relative_to(tmp_path / "images")) for path, _ in samples]
    files = [name if folder else Path(name).name for name in names]
    np.savez(
        "fz.npz",
        tr_filenames=np.array(files),
        tr_labels=np.array([int(name[2]) - 1 for name in names]),
        tr_mem=np.array(list(value.values())),
    )
    asked_for = Identity(
        "run abc", np.arange(len(samples)), np.array([label for _, label in samples]), "imagefolder"
    )
    hardness = load("feldman_zhang(path=fz.npz)").hardness(asked_for)
    np.testing.assert_array_equal(hardness, [value[name] for name in wanted])


def test_values_come_back_as_they_were_written() -> None:
    """A file that memest writes gives the same reference; its direction can be overruled."""
    ids = RNG.permutation(1000)[:200]
    made = Reference("mine", ids, SCORES, False, LABELS, "scikit-learn")
    write_values(Path("mine.npz"), made)
    read = load("values_file(path=mine.npz)")
    assert (read.order, read.higher_is_harder, read.sha256) == ("scikit-learn", False, made.sha256)
    np.testing.assert_array_equal(read.hardness(asked(ids, LABELS)), 1 - SCORES)
    turned = load("values_file(path=mine.npz, higher_is_harder=true)")
    np.testing.assert_array_equal(turned.hardness(asked(ids, LABELS)), SCORES)


def test_bad_files_are_refused() -> None:
    """Each says what was expected and what came; a pickle is never opened."""
    np.savez("strings.npz", labels=LABELS, scores=LABELS.astype(str))
    np.savez("short.npz", labels=LABELS, scores=SCORES[:9])
    np.savez("nan.npz", labels=LABELS, scores=np.where(LABELS == 1, np.nan, SCORES))
    np.savez("large.npz", labels=LABELS, scores=SCORES + 1)
    np.savez("twice.npz", labels=LABELS, scores=SCORES, ids=np.zeros(200, int))
    np.savez("few.npz", labels=LABELS, scores=SCORES, ids=np.arange(3))
    np.savez("same.npz", labels=LABELS, scores=SCORES, filenames=np.full(200, "a.png"))
    np.savez("uneven.npz", clean_label=LABELS, noisy_label=LABELS[:9])
    Path("human.pt").write_bytes(pickle.dumps({"clean_label": LABELS}))
    expected = {
        "c_scores(path=strings.npz)": "scores must be numbers",
        "c_scores(path=short.npz)": r"a value for each of 200 examples, not float64 of shape \(9,\)",
        "c_scores(path=nan.npz)": "NaN or infinite",
        "c_scores(path=large.npz)": r"must lie in \[0, 1\]",
        "c_scores(path=twice.npz)": "id 0 at positions 0, 1",
        "c_scores(path=few.npz)": r"as many ids or filenames, not \(3,\)",
        "c_scores(path=same.npz)": "'a.png' is there twice",
        "c_scores(path=none.npz)": "there is no file none.npz",
        "feldman_zhang(path=large.npz)": "no array 'tr_labels' .it has labels, scores.",
        "human_labels(path=uneven.npz)": "an id and a label for each example",
        "human_labels(path=human.pt)": "a .pt file is a pickle",
        "values_file(path=large.npz)": "no array 'ids'",
    }
    for spec, message in expected.items():
        with pytest.raises(DataError, match=message):
            load(spec)
    with pytest.raises(UnknownNameError, match="did you mean 'c_scores'"):
        load("cscores(path=c.npz)")
