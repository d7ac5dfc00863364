"""How probable it is that labels are wrong where no errors were planted: from probabilities alone.

The model: a network's probabilities, made milder or sharper by a temperature, say which class an image is of;
with a share ρ the label is another one, each as often. Temperature and ρ are those that make the given labels
probable. A network that knows nothing gets a high temperature, and its doubts count for nothing; labels that
a network which is right elsewhere holds for impossible raise ρ. Axes: N examples, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memest.auditing.evidence import Evidence, of_label
from memest.auditing.findings import Floats
from memest.auditing.wrong_share import SHARES, Share, weighed

_TEMPERATURES = np.geomspace(0.5, 16, 16)
_MOST = 5000
"""Examples from which temperature and share are read."""
_LEAST = 1e-7


def wrong_by_noise(evidence: Evidence) -> tuple[Floats, Share]:
    """The probability that each label is wrong, (N,), and the share of wrong labels."""
    others = evidence.probabilities.shape[1] - 1
    some = np.random.default_rng(0).permutation(len(evidence.labels))[:_MOST]
    fit_TR = np.stack(
        [np.log(_given(milder(evidence, t)[some], SHARES[:, None], others)).sum(1) for t in _TEMPERATURES]
    )
    best = fit_TR.max()
    share = weighed(np.log(np.exp(fit_TR - best).sum(0)))
    temperature = _TEMPERATURES[fit_TR[:, np.abs(SHARES - share.value).argmin()].argmax()]
    own_N = milder(evidence, float(temperature))
    return 1 - (1 - share.value) * own_N / _given(own_N, share.value, others), share


def _given(own_N: Floats, share: Floats | float, others: int) -> Floats:
    """How probable the given labels are, where those would be with probability `own_N` that are right."""
    return np.asarray((1 - share) * own_N + share * (1 - own_N) / others)


def milder(evidence: Evidence, temperature: float) -> Floats:
    """The probability of each example's label at a temperature, (N,)."""
    powers: NDArray[np.float64] = np.maximum(evidence.probabilities, _LEAST) ** (1 / temperature)
    return of_label(powers / powers.sum(1, keepdims=True), evidence.labels)
