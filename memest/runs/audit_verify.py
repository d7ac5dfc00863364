"""Does acting on an audit help? Networks trained on all labels, on corrected ones, on fewer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memest.auditing.findings import Findings
from memest.data import ImageSet
from memest.errors import SettingError
from memest.ids import Ids
from memest.loading import Loader
from memest.output import progress
from memest.runs.prepare import Prepared
from memest.scores import Unseen
from memest.seeding import Streams
from memest.training import loss_and_accuracy, train_epochs

VERIFIED = "verify.json"
ALL, CORRECTED = "all images", "with the suggested labels"
WITHOUT, RANDOM = "without the flagged", "without as many at random"
_ACTING = "acting helps", "acting harms"
_CHANCE = "the list is better than chance", "the list is worse than chance"
MOST = 0.5
"""The share of the images that may be flagged: networks trained on fewer than the rest say nothing of it."""


@dataclass(frozen=True)
class Verified:
    """Test accuracies of four kinds of training set, by seed.

    Attributes:
        removed: how many examples are flagged as wrong, and corrected or left out.
        accuracies: by kind, one for each seed; empty where nothing was trained.
        refused: why nothing was trained, in words; empty where it was.
    """

    removed: int
    accuracies: Mapping[str, Sequence[float]]
    refused: str = ""

    def to_json(self) -> bytes:
        """JSON bytes, with mean and 95 % interval of each kind and of the differences."""
        named = {name: mean_interval(values, 0, 1) for name, values in self.accuracies.items()}
        content = {"removed": self.removed, "test_accuracy": self.accuracies, "intervals": named}
        if self.refused:
            content["refused"] = self.refused
        if self.removed and self.accuracies:
            content["gain"] = mean_interval(self.gains(WITHOUT, RANDOM), -1, 1)
            content["gain_without"] = mean_interval(self.gains(WITHOUT, ALL), -1, 1)
            content["gain_corrected"] = mean_interval(self.gains(CORRECTED, ALL), -1, 1)
        return json.dumps(content, indent=1).encode()

    def gains(self, one: str, other: str) -> list[float]:
        """By seed: the accuracy of one kind minus that of another."""
        pairs = zip(self.accuracies[one], self.accuracies[other], strict=True)
        return [first - second for first, second in pairs]


def mean_interval(values: Sequence[float], least: float, most: float) -> tuple[float, float, float]:
    """Mean, and the ends of its 95 % interval by Student's t over seeds, two at least, cut to what can be."""
    from scipy.stats import t

    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    reach = float(t.ppf(0.975, len(values) - 1)) * error
    return mean, max(least, mean - reach), min(most, mean + reach)


def verify(prepared: Prepared, findings: Findings, test: ImageSet, seeds: int) -> Verified:
    """Train the network of an audit on four training sets, with some seeds.

    Args:
        prepared: the folds of the audit: network, recipe, images.
        findings: those of the kind wrong are corrected, or left out.
        test: what accuracy is taken on; its labels are believed.
        seeds: of the weights, the order and what is left out at random.
    """
    given = prepared.split.train
    places = Ids(given.ids, "the data set").locate(findings.ids)
    wrong = findings.kind == "wrong"
    flagged, suggested = places[wrong], findings.suggested[wrong]
    if refused := _too_many(given, flagged):
        return Verified(len(flagged), {}, refused)
    found: dict[str, list[float]] = {}
    trainings = _trainings(prepared, flagged, suggested, seeds)
    for name, images, streams in progress(trainings, seeds * (4 if len(flagged) else 1), "verify"):
        found.setdefault(name, []).append(_accuracy(prepared, images, test, streams))
    return Verified(len(flagged), found)


def _trainings(
    prepared: Prepared, flagged: NDArray[np.intp], suggested: NDArray[np.int64], seeds: int
) -> Iterator[tuple[str, ImageSet, Streams]]:
    """What each network is trained on, and its streams: every training set once for each seed."""
    for number in range(seeds):
        streams = Streams(prepared.config.seed + 1 + number)
        for name, images in _sets(prepared.split.train, flagged, suggested, streams):
            yield name, images, streams


def _too_many(given: ImageSet, flagged: NDArray[np.intp]) -> str:
    """Why networks without the flagged say nothing of the audit, in words; empty where they do."""
    rest = np.delete(given.labels, flagged)
    if len(flagged) > MOST * len(given):
        return (
            f"{len(flagged):,} of {len(given):,} labels are flagged as wrong, more than half: networks "
            "trained on the rest would say nothing; audit with a longer --budget, or review the labels"
        )
    if len(lost := np.setdiff1d(given.labels, rest)):
        return (
            f"every image of class {given.classes[lost[0]]!r} is flagged as wrong: networks trained without "
            "them would not know the class; review its labels"
        )
    return ""


def _sets(
    given: ImageSet, flagged: NDArray[np.intp], suggested: NDArray[np.int64], streams: Streams
) -> Iterator[tuple[str, ImageSet]]:
    """Each training set; all alone where nothing is flagged."""
    yield ALL, given
    if len(flagged):
        labels = given.labels.copy()
        labels[flagged] = suggested
        yield CORRECTED, replace(given, labels=labels)
        everything = np.arange(len(given))
        yield WITHOUT, given.take(np.delete(everything, flagged))
        chosen = streams.numpy("subsets").permutation(len(given))[: len(flagged)]
        yield RANDOM, given.take(np.delete(everything, chosen))


def _accuracy(prepared: Prepared, images: ImageSet, test: ImageSet, streams: Streams) -> float:
    """The test accuracy of a network trained on some images."""
    apart = replace(prepared, streams=streams)
    images = _trainable(prepared, images)
    statistics = images.statistics()
    train, testing = (Loader(some, statistics, prepared.device) for some in (images, test))
    with apart.computing():
        recipe = prepared.config.recipe
        *_, last = train_epochs(apart.network(), [train], None, recipe, streams, Unseen())
        return loss_and_accuracy(last.network, testing)["test/accuracy"]


def _trainable(prepared: Prepared, images: ImageSet) -> ImageSet:
    """The images, or all but the last where the network cannot train on a last batch of one."""
    try:
        prepared.require_trainable([len(images)])
    except SettingError:
        return images.take(np.arange(len(images) - 1))
    return images


def said_of(content: bytes) -> list[str]:
    """A check for a terminal, from its JSON."""
    came = json.loads(content)
    if came.get("refused"):
        return [f"not verified: {came['refused']}"]
    if not came["removed"]:
        return ["verified: no label is flagged as wrong, so there is nothing to correct or leave out"]
    seeds, removed = len(came["test_accuracy"][ALL]), came["removed"]
    lines = [
        f"test accuracy, {name}: {mean:.1%} ({low:.1%} to {high:.1%}, {seeds} seeds)"
        for name, (mean, low, high) in came["intervals"].items()
    ]
    lines.append(f"correcting the {removed} flagged: {_verdict(came['gain_corrected'], *_ACTING)}")
    if "gain_without" in came:
        lines.append(f"leaving out the {removed} flagged: {_verdict(came['gain_without'], *_ACTING)}")
    chance = _verdict(came["gain"], *_CHANCE)
    return [*lines, f"leaving out the {removed} flagged instead of as many at random: {chance}"]


def _verdict(gain: Sequence[float], above: str, below: str) -> str:
    mean, low, high = (100 * value for value in gain)
    verdict = above if low > 0 else below if high < 0 else "no difference is shown"
    return f"{mean:+.1f} points ({low:+.1f} to {high:+.1f}): {verdict}"
