"""A recorded Keras model: probabilities become logits, and evaluation is left alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from memest.integrations.keras import Recorded


@pytest.mark.parametrize("from_logits", [True, False])
def test_losses_are_those_of_the_model(from_logits: bool) -> None:
    """With a learning rate of zero each epoch's loss is what `predict` gives, softmax in the model or not."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 5)).astype("float32"), rng.integers(0, 3, 20)
    network = keras.Sequential([keras.layers.Dense(3, activation=None if from_logits else "softmax")])
    model = Recorded(network, ids=20)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    ids = rng.permutation(20)
    model.fit(x[ids], (y[ids], ids), batch_size=6, epochs=2, verbose=0, validation_data=(x, y))
    z = network.predict(x, verbose=0).astype(float)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True)) if from_logits else np.log(z)
    _, losses = model.recorder.recording.reader().trace("seen/loss")
    np.testing.assert_allclose(losses, [-log_p[np.arange(20), y]] * 2, rtol=1e-4)
    assert len(model.evaluate(x, y, verbose=0)) == 2
