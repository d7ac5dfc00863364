"""A recorded Keras model, and clean passes: probabilities become logits, evaluation is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from examples_run import ENOUGH, changed_share

pytest.importorskip("keras")

import keras

from memest.integrations.keras import CleanPass, Recorded
from memest.recorder import Recorder


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


@pytest.mark.parametrize("batched", [False, True])
def test_a_clean_pass_records_what_the_model_says_after_each_epoch(batched: bool) -> None:
    """The last epoch's loss is that of `predict` after `fit`, by id; csl ranks."""
    rng = np.random.default_rng(0)
    x, y, ids = rng.normal(size=(20, 5)).astype("float32"), rng.integers(0, 3, 20), rng.permutation(20)
    model = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    recorder = Recorder(20)
    batches = [(x[:8], y[:8], ids[:8]), (x[8:], y[8:], ids[8:])]
    clean = CleanPass(recorder, batches) if batched else CleanPass(recorder, x, y, ids, batch_size=7)
    model.fit(x, y, batch_size=6, epochs=2, verbose=0, callbacks=[clean])
    z = model.predict(x, verbose=0).astype(float)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    _, losses = recorder.recording.reader().trace("loss")
    assert losses.shape == (2, 20)
    np.testing.assert_allclose(losses[1][ids], -log_p[np.arange(20), y], rtol=1e-4)
    assert not np.allclose(losses[0], losses[1])
    assert "csl" in recorder.suspicious(1).columns


def test_the_example_finds_what_it_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Run last, as a person would."""
    assert changed_share("keras_digits", capsys) >= ENOUGH
