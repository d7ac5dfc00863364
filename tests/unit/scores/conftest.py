"""A network that all tests of scores share: it is trained once, and no test changes it."""

from __future__ import annotations

import numpy as np
import pytest
from score_cases import COUNT, CPU, Case, Unobserved

from memest.data import corrupt, load_images
from memest.loading import Loader
from memest.models import build_model
from memest.seeding import Streams
from memest.training import Recipe, train_epochs


@pytest.fixture(scope="session")
def case() -> Case:
    """`tiny` after five epochs on 350 digits, a tenth of them with wrong labels."""
    split, streams = load_images("digits"), Streams(3)
    images, _ = corrupt(split.train.take(np.arange(0, 1400, 4)), "symmetric_noise(rate=0.1)", streams)
    statistics = images.statistics()
    network = build_model("tiny", 1, 10, streams.seed("weights"))
    training = Loader(images, statistics, CPU)
    testing = Loader(split.test.take(np.arange(20)), statistics, CPU)
    recipe = Recipe(epochs=5, batch_size=32)
    *_, end = train_epochs(network, [training], testing, recipe, streams, Unobserved())
    assert end.metrics["train/accuracy"] > 0.5
    return Case(network, images.take(np.arange(COUNT)), statistics)
