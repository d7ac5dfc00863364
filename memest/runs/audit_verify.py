"""Does acting on an audit help? Networks trained on all, without the flagged, without others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memest.audit.findings import Findings
from memest.data import ImageSet
from memest.errors import SettingError
from memest.ids import Ids
from memest.loading import Loader
from memest.runs.prepare import Prepared
from memest.scores import Unseen
from memest.seeding import Streams
from memest.train import train_epochs

VERIFIED = "verify.json"
ALL, WITHOUT, RANDOM = "all images", "without the flagged", "without as many at random"


@dataclass(frozen=True)
class Verified:
    """Test accuracies of three kinds of training set, by seed.

    Attributes:
        removed: how many examples are flagged as wrong, and left out.
        accuracies: by kind, one for each seed.
    """

    removed: int
    accuracies: Mapping[str, Sequence[float]]

    def to_json(self) -> bytes:
        """JSON bytes, with mean and 95 % interval of each kind and of the differences."""
        named = {name: interval(values) for name, values in self.accuracies.items()}
        content = {"removed": self.removed, "test_accuracy": self.accuracies, "intervals": named}
        if self.removed:
            content["gain"] = interval(self.gains())
        return json.dumps(content, indent=1).encode()

    def gains(self) -> list[float]:
        """By seed: the accuracy without the flagged minus that without as many at random."""
        pairs = zip(self.accuracies[WITHOUT], self.accuracies[RANDOM], strict=True)
        return [without - random for without, random in pairs]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the ends of its 95 % interval by Student's t over seeds, two at least."""
    from scipy.stats import t

    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    reach = float(t.ppf(0.975, len(values) - 1)) * error
    return mean, mean - reach, mean + reach


def verified(prepared: Prepared, findings: Findings, test: ImageSet, seeds: int) -> Verified:
    """Train the network of an audit on the given labels of three training sets, with some seeds.

    Args:
        prepared: the folds of the audit: network, recipe, images.
        findings: those of the kind wrong are left out.
        test: what accuracy is taken on; its labels are believed.
        seeds: of the weights, the order and what is left out at random.
    """
    given = prepared.split.train
    flagged = Ids(given.ids, "the data set").locate(findings.ids[findings.kind == "wrong"])
    try:
        prepared.require_trainable([len(given) - len(flagged)])
    except SettingError:  # the last batch would be too small
        flagged = flagged[:-1]
    found: dict[str, list[float]] = {}
    for number in range(seeds):
        streams = Streams(prepared.config.seed + 1 + number)
        for name, kept in _kept(len(given), flagged, streams):
            found.setdefault(name, []).append(_accuracy(prepared, given.take(kept), test, streams))
    return Verified(len(flagged), found)


def _kept(count: int, flagged: NDArray[np.intp], streams: Streams) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each training set, by positions; all alone where nothing is flagged."""
    everything = np.arange(count)
    yield ALL, everything
    if len(flagged):
        yield WITHOUT, np.delete(everything, flagged)
        chosen = streams.numpy("subsets").permutation(count)[: len(flagged)]
        yield RANDOM, np.delete(everything, chosen)


def _accuracy(prepared: Prepared, images: ImageSet, test: ImageSet, streams: Streams) -> float:
    """The test accuracy of a network trained on some images."""
    apart = replace(prepared, streams=streams)
    statistics = images.statistics()
    train, testing = (Loader(some, statistics, prepared.device) for some in (images, test))
    with apart.computing():
        network, recipe = apart.network(), prepared.config.recipe
        for end in train_epochs(network, [train], testing, recipe, streams, Unseen()):
            accuracy = end.metrics["test/accuracy"]
    return float(accuracy)


def said_of(content: bytes) -> list[str]:
    """A check for a terminal, from its JSON."""
    came = json.loads(content)
    if not came["removed"]:
        return ["verified: no label is flagged as wrong, so there is nothing to leave out"]
    seeds = len(came["test_accuracy"][ALL])
    lines = [
        f"test accuracy, {name}: {mean:.1%} ({low:.1%} to {high:.1%}, {seeds} seeds)"
        for name, (mean, low, high) in came["intervals"].items()
    ]
    mean, low, high = (100 * value for value in came["gain"])
    verdict = "acting helps" if low > 0 else "acting harms" if high < 0 else "no difference is shown"
    return [
        *lines,
        f"leaving out the {came['removed']} flagged instead of as many at random: {mean:+.1f} points "
        f"({low:+.1f} to {high:+.1f}): {verdict}",
    ]
