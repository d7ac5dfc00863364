"""The recorder in a plain loop: what it sees, and the sheet that it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recorded_loops import CLASSES, COUNT, IDS, network, one_batch, points
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from memest.detect import detect
from memest.errors import SettingError, UnseenError
from memest.recorder import Recorder


def epochs(recorder: Recorder, count: int = 2, **loading: Any) -> Iterator[int]:
    """Anyone's training loop with the three lines in it."""
    model, shuffling = network(), {} if "sampler" in loading else {"shuffle": True}
    loader = DataLoader(points(), 8, generator=torch.Generator().manual_seed(3), **(shuffling | loading))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(1, count + 1):
        for x, labels, ids in loader:
            logits = model(x)
            recorder.update(logits, labels, ids)
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels).backward()
            optimizer.step()
        recorder.end_epoch()
        yield epoch


def test_mislabelled_digits_are_ranked_first(tmp_path: Path) -> None:
    """Five per cent of the digits' labels changed: AUROC above .95, and the true label is suggested."""
    from sklearn.datasets import load_digits

    digits, rng = load_digits(), np.random.default_rng(0)
    changed = rng.choice(len(digits.target), 90, replace=False)
    labels = digits.target.copy()
    labels[changed] = (labels[changed] + rng.integers(1, 10, 90)) % 10
    x = torch.from_numpy(digits.images).float().flatten(1) / 16
    data = TensorDataset(x, torch.from_numpy(labels), torch.arange(len(labels)))
    recorder = Recorder(len(labels), classes=[f"digit {k}" for k in range(10)])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(6):
        for x, y, ids in DataLoader(data, 64, shuffle=True):
            logits = model(x)
            recorder.update(logits, y, ids)
            optimizer.zero_grad()
            functional.cross_entropy(logits, y).backward()
            optimizer.step()
        recorder.end_epoch()
    table = recorder.suspicious(len(labels))
    suspicion, truth = np.empty(len(labels)), np.isin(np.arange(len(labels)), changed)
    suspicion[table["id"]] = table["seen/csl"]
    assert detect(suspicion, truth).auroc.value > 0.95
    first = [row for row in range(60) if truth[table["id"][row]]]
    right = [table["suggested"][row] == f"digit {digits.target[table['id'][row]]}" for row in first]
    assert np.mean(right) > 0.9
    assert "digit 3" in str(recorder.suspicious(50))


def test_the_sheet_is_read_like_any_other(tmp_path: Path) -> None:
    """Traces, summary and labels come back by id; csl is the sum of the losses of the epochs."""
    recorder = Recorder(IDS, names=[f"{n}.png" for n in IDS])
    losses = []
    model = network()
    for _ in range(3):
        for x, labels, ids in DataLoader(points(), 8):
            recorder.update(model(x), labels, ids)
        losses.append(recorder.end_epoch()["seen/loss"])
    sheet = Recorder.read(recorder.save(tmp_path / "recording"))
    summary = sheet.summary()
    np.testing.assert_array_equal(summary["id"], IDS)
    np.testing.assert_array_equal(summary["label"], np.arange(COUNT) % CLASSES)
    np.testing.assert_allclose(summary["seen/csl"], np.sum(losses, 0, dtype=np.float64))
    np.testing.assert_array_equal(sheet.trace("seen/loss")[1], losses)
    assert recorder.suspicious(1)["name"] == [f"{recorder.suspicious(1)['id'][0]}.png"]


def test_recording_does_not_change_training() -> None:
    """The same weights, bit by bit, with and without."""
    seen: list[list[Tensor]] = []
    for watched in (True, False):
        model, recorder = network(), Recorder(IDS)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, labels, ids in DataLoader(points(), 8):
            logits = model(x)
            if watched:
                recorder.update(logits, labels, ids)
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels).backward()
            optimizer.step()
        seen.append(list(model.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))


def test_what_repeats_counts_with_the_mean_of_its_visits(tmp_path: Path) -> None:
    """Two visits with other logits: their mean; and how often each was seen is kept."""
    recorder = Recorder(3)
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    recorder.update(logits, torch.tensor([0, 1, 0, 0]), [0, 1, 2, 0])
    each = functional.cross_entropy(logits, torch.tensor([0, 1, 0, 0]), reduction="none")
    seen = recorder.end_epoch()["seen/loss"]
    np.testing.assert_allclose(seen, [(each[0] + each[3]) / 2, each[1], each[2]], rtol=1e-6)
    sheet = Recorder.read(recorder.save(tmp_path / "recording"))
    np.testing.assert_array_equal(sheet.trace("seen/visits")[1], [[2, 1, 1]])


@pytest.mark.parametrize("loading", ["drop_last", "replacement"])
def test_partial_epochs_are_marked_and_summed_over_what_was_seen(loading: str, tmp_path: Path) -> None:
    """What an epoch left out is NaN in the trace; sums put the mean of the other epochs there."""
    sampler = RandomSampler(points(), replacement=True, generator=torch.Generator().manual_seed(4))
    how: dict[str, Any] = {"drop_last": True} if loading == "drop_last" else {"sampler": sampler}
    with pytest.raises(UnseenError, match="partial"):
        list(epochs(Recorder(IDS), **how))
    recorder = Recorder(IDS, partial=True)
    list(epochs(recorder, 12, **how))
    sheet = Recorder.read(recorder.save(tmp_path / "recording"))
    values = sheet.trace("seen/loss")[1]
    assert np.isnan(values).any()
    np.testing.assert_allclose(
        sheet.summary()["seen/csl"], np.nanmean(values.astype(float), 0) * 12, rtol=1e-5
    )


def test_ignored_labels_do_not_count() -> None:
    """−100 is no visit: such an example is missing, not perfectly learned."""
    labels = torch.arange(COUNT) % CLASSES
    labels[5] = -100
    recorder = Recorder(IDS, partial=True)
    one_batch(recorder, labels=labels)
    assert np.flatnonzero(np.isnan(recorder.end_epoch()["seen/loss"])).tolist() == [5]


def test_tokens_count_with_the_mean_over_those_not_masked() -> None:
    """(B, T, V) logits: the mean loss of the unmasked tokens of each sequence, as torch has it."""
    generator = torch.Generator().manual_seed(0)
    logits, labels = (
        torch.randn(3, 5, 7, generator=generator),
        torch.randint(0, 7, (3, 5), generator=generator),
    )
    labels[0, 2:], labels[2, 0] = -100, -100
    recorder = Recorder(3)
    recorder.update(logits, labels, range(3))
    expected = [float(functional.cross_entropy(z, y)) for z, y in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(recorder.end_epoch()["seen/loss"], expected, rtol=1e-6)
    assert "suggested" not in recorder.suspicious(2).columns


def test_a_clean_pass_stands_beside_or_alone() -> None:
    """`measure` gives the network's loss in evaluation mode under its own key; csl ranks then."""
    recorder, model = Recorder(IDS), network().train()
    loader = DataLoader(points(), 7)
    measured = recorder.measure(model, loader)
    x, labels, _ = points().tensors
    expected = functional.cross_entropy(model(x), labels, reduction="none").detach()
    np.testing.assert_allclose(measured["loss"], expected, rtol=1e-5)
    assert model.training
    assert list(recorder.end_epoch()) == list(measured)
    assert "csl" in recorder.suspicious(1).columns


def record_epochs(recorder: Recorder, wanted: range) -> None:
    """Epochs whose logits depend on their number alone, the last batch of each without its last example."""
    _, labels, ids = points().tensors
    for number in wanted:
        logits = torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(number))
        recorder.update(logits[: COUNT - 1], labels[: COUNT - 1], ids[: COUNT - 1])
        if number % 2:
            recorder.update(logits[COUNT - 1 :], labels[COUNT - 1 :], ids[COUNT - 1 :])
        recorder.end_epoch()


def test_a_killed_recording_goes_on(tmp_path: Path) -> None:
    """Two epochs, an epoch that is lost, a new recorder, two more: the files of four without a break."""
    whole = Recorder(IDS, partial=True)
    record_epochs(whole, range(1, 5))
    record_epochs(Recorder(IDS, partial=True, folder=tmp_path / "part"), range(1, 3))
    lost = Recorder.resume(tmp_path / "part", IDS, partial=True)
    one_batch(lost)
    resumed = Recorder.resume(tmp_path / "part", IDS, partial=True)
    assert resumed.epoch == 2
    record_epochs(resumed, range(3, 5))
    assert resumed.suspicious(COUNT).columns == whole.suspicious(COUNT).columns
    ours, theirs = (Recorder.read(r.save(tmp_path / n)) for r, n in ((resumed, "ours"), (whole, "theirs")))
    assert ours.manifest.blocks == theirs.manifest.blocks
    assert ours.manifest.tables == theirs.manifest.tables
    assert [part.sha256 for part in ours.manifest.kept] == [part.sha256 for part in theirs.manifest.kept]


def test_a_folder_holds_one_recording(tmp_path: Path) -> None:
    """Beginning another in it is refused, and so is going on where there is none."""
    record_epochs(Recorder(IDS, folder=tmp_path / "part"), range(1, 2))
    with pytest.raises(SettingError, match="holds a recording already"):
        Recorder(IDS, folder=tmp_path / "part")
    with pytest.raises(SettingError, match="no recording to go on with"):
        Recorder.resume(tmp_path / "elsewhere", IDS)


def test_ids_may_be_texts() -> None:
    """Text ids name the examples in batches and in the table."""
    names = [f"cat/{n}.png" for n in range(COUNT)]
    recorder = Recorder(names)
    one_batch(recorder, ids=names)
    recorder.end_epoch()
    assert set(recorder.suspicious(COUNT)["name"]) == set(names)


@pytest.mark.parametrize("kind", [list, np.asarray, torch.tensor])
def test_ids_of_a_batch_are_lists_arrays_or_tensors(kind: Callable[[list[int]], Any]) -> None:
    """The same columns whatever the loader makes of them."""
    recorder = Recorder(COUNT)
    order = np.random.default_rng(1).permutation(COUNT).tolist()
    logits = torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(5))
    labels = torch.arange(COUNT) % CLASSES
    one_batch(recorder, logits[order], labels[order], kind(order))
    expected = functional.cross_entropy(logits, labels, reduction="none")
    np.testing.assert_allclose(recorder.end_epoch()["seen/loss"], expected, rtol=1e-6)
