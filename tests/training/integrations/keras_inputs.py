"""Clean passes over a Keras model of several inputs, as Keras' own `evaluate` takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from memest.errors import DataError
from memest.integrations.keras import CleanPass
from memest.recorder import Recorder

RNG = np.random.default_rng(0)
LEFT, RIGHT = RNG.normal(size=(2, 20, 5)).astype("float32")
LABELS, IDS = RNG.integers(0, 3, 20), RNG.permutation(20)
NAMED = {"left": LEFT, "right": RIGHT}


def network(outputs: int = 1) -> Any:
    """Two inputs, joined; compiled."""
    inputs = [keras.Input((5,), name=name) for name in NAMED]
    joined = keras.layers.Dropout(0.5)(keras.layers.Concatenate()(inputs))
    given = [keras.layers.Dense(3)(joined) for _ in range(outputs)]
    model = keras.Model(dict(zip(NAMED, inputs, strict=True)), given[0] if outputs == 1 else given)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def losses(model: Any) -> Any:
    """Of each example after training, from `predict`, (20,)."""
    z = model.predict(NAMED, verbose=0).astype(float)
    return -(z - np.log(np.exp(z).sum(1, keepdims=True)))[np.arange(20), LABELS]


def dataset(nested: bool) -> Any:
    """What Keras reads from TensorFlow: batches of inputs by name, labels and ids."""
    tensorflow = pytest.importorskip("tensorflow")
    targets = ((LABELS, IDS),) if nested else (LABELS, IDS)
    return tensorflow.data.Dataset.from_tensor_slices((NAMED, *targets)).batch(7)


def loader() -> Any:
    """What Keras reads from torch."""
    torch = pytest.importorskip("torch")
    rows = [({"left": a, "right": b}, y, i) for a, b, y, i in zip(LEFT, RIGHT, LABELS, IDS, strict=True)]
    return torch.utils.data.DataLoader(rows, batch_size=6)


WAYS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "dict": lambda: (NAMED, LABELS, IDS),
    "list": lambda: ([LEFT, RIGHT], LABELS, IDS),
    "tuple": lambda: ((LEFT, RIGHT), LABELS, IDS),
    "batches": lambda: (
        [({"left": LEFT[k], "right": RIGHT[k]}, LABELS[k], IDS[k]) for k in (slice(8), slice(8, 20))],
    ),
    "tf.data": lambda: (dataset(nested=False),),
    "tf.data, as Recorded's fit takes it": lambda: (dataset(nested=True),),
    "DataLoader": lambda: (loader(),),
}


@pytest.mark.parametrize("way", WAYS)
def test_inputs_come_as_keras_takes_them(way: str) -> None:
    """The last epoch's loss is that of `predict` after `fit`, by id; `evaluate` takes the same inputs."""
    given = WAYS[way]()
    model, recorder = network(), Recorder(20)
    clean = CleanPass(recorder, *given, batch_size=7)
    model.fit(NAMED, LABELS, batch_size=6, epochs=2, verbose=0, callbacks=[clean])
    _, found = recorder.recording.reader().trace("loss")
    assert found.shape == (2, 20)
    np.testing.assert_allclose(found[1][IDS], losses(model), rtol=1e-4)
    if len(given) == 3:
        mean = model.evaluate(given[0], LABELS, verbose=0)
        np.testing.assert_allclose(mean, found[1].mean(), rtol=1e-4)


def test_batches_that_one_epoch_uses_up_or_never_ends_are_refused_at_once() -> None:
    """A generator, also beside labels; a dataset that repeats for ever, as Keras' `fit` takes it."""
    for given in ((batch for batch in [(NAMED, LABELS, IDS)]),), (iter([LEFT]), LABELS, IDS):
        with pytest.raises(DataError, match="generator has them once: give a list"):
            CleanPass(Recorder(20), *given)
    CleanPass(Recorder(20), dataset(nested=False).repeat(2))
    with pytest.raises(DataError, match="leave repeat"):
        CleanPass(Recorder(20), dataset(nested=False).repeat())


def test_what_does_not_fit_is_refused() -> None:
    """An input of another length, batches without ids, a model of several outputs."""
    with pytest.raises(DataError, match="over 20 labels needs as many of each input and of the ids, not 19"):
        CleanPass(Recorder(20), {"left": LEFT, "right": RIGHT[:19]}, LABELS, IDS)
    clean = CleanPass(Recorder(20), [(NAMED, LABELS)])
    with pytest.raises(DataError, match=r"is \(x, labels, ids\) or \(x, \(labels, ids\)\)"):
        network().fit(NAMED, LABELS, verbose=0, callbacks=[clean])
    model = network(outputs=2)
    clean = CleanPass(Recorder(20), NAMED, LABELS, IDS, from_logits=True)
    with pytest.raises(DataError, match="the model has 2 outputs"):
        model.fit(NAMED, [LABELS, LABELS], verbose=0, callbacks=[clean])
