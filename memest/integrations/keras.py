"""The recorder in Keras 3, on TensorFlow, torch or JAX: a model around the model.

model = Recorded(network, ids=len(x))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x, (y, ids), epochs=5)
print(model.recorder.suspicious(20))

Where the loop cannot be wrapped (a `train_step` of one's own, XLA), a callback passes over the examples after
every epoch: `model.fit(…, callbacks=[CleanPass(recorder, x, y)])`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from memest.errors import DataError, SettingError
from memest.recorder import Recorder

try:
    import keras
except ImportError as missing:
    raise SettingError("memest.integrations.keras needs Keras 3: pip install 'memest[keras]'") from missing

_SMALLEST = 1e-7
"""Keras' own bound for probabilities, before their logarithm."""
_ENDLESS = -1
"""What a `tf.data.Dataset` that never ends says of its cardinality."""


class Recorded(keras.Model):  # type: ignore[misc]
    """Trains as the model inside, and records what that says of every training batch.

    A callback cannot see predictions, so they are taken where the loss is made. Targets are (labels, ids) in
    `fit`; in `evaluate` and as validation data labels alone.

    Args:
        model: gives logits, or probabilities where its loss is compiled with `from_logits=False`.
        ids: what a `Recorder` takes; or a Recorder.
        from_logits: whether the model gives logits; by default what the compiled loss says.
    """

    def __init__(self, model: Any, ids: Any, from_logits: bool | None = None, **settings: Any) -> None:
        super().__init__()
        self.model = model
        self.recorder = ids if isinstance(ids, Recorder) else Recorder(ids, **settings)
        self._from_logits = from_logits

    def call(self, inputs: Any, training: bool = False) -> Any:
        """What the model inside gives."""
        return self.model(inputs, training=training)

    def compile(self, *arguments: Any, **settings: Any) -> None:
        """As Keras' own; on TensorFlow and torch without XLA, which cannot call out of a step there."""
        if keras.backend.backend() != "jax":
            settings["jit_compile"] = False
        super().compile(*arguments, **settings)

    def fit(self, *arguments: Any, **settings: Any) -> Any:
        """As Keras' own; every epoch closes one of the recorder."""
        ends = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._end_epoch())
        callbacks = [*(settings.pop("callbacks", None) or []), ends]
        return super().fit(*arguments, callbacks=callbacks, **settings)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the labels; the batch is recorded on the way, in training."""
        labels, ids = _labels_and_ids(y)
        if training and ids is not None:
            self._call_out(y_pred, labels, ids)
        return super().compute_loss(
            x=x, y=labels, y_pred=y_pred, sample_weight=sample_weight, training=training
        )

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The metrics of the labels."""
        return super().compute_metrics(x, _labels_and_ids(y)[0], y_pred, sample_weight)

    def _call_out(self, predicted: Any, labels: Any, ids: Any) -> None:
        """Bring a batch to the recorder, out of a compiled step where there is one."""
        backend = keras.backend.backend()
        if backend == "tensorflow":
            import tensorflow

            tensorflow.py_function(self._record, [predicted, labels, ids], [])
        elif backend == "jax":
            import jax

            jax.debug.callback(self._record, predicted, labels, ids)
        else:
            self._record(predicted.detach(), labels, ids)

    def _end_epoch(self) -> None:
        if keras.backend.backend() == "jax":
            import jax

            jax.effects_barrier()  # batches are called out when the device gets to them
        self.recorder.end_epoch()

    def _record(self, predicted: Any, labels: Any, ids: Any) -> None:
        if self._from_logits is None:
            self._from_logits = _gives_logits(self.loss)
        self.recorder.update(*_batch(predicted, labels, ids, self._from_logits))


class CleanPass(keras.callbacks.Callback):  # type: ignore[misc]
    """Passes over all examples after every epoch, in evaluation mode, and records what the model says.

    It costs what `predict` costs; the model and its loop stay as they are.

    Args:
        recorder: where to.
        x: the inputs of all examples, an array or several in a list, tuple or dict; or batches, each
            (x, labels, ids) or (x, (labels, ids)): a list, a `tf.data.Dataset` or a `DataLoader`, gone
            through once an epoch.
        labels: (N,) of the inputs; left out where `x` has batches.
        ids: (N,) of the inputs; their positions, if left out.
        batch_size: examples at a time.
        from_logits: whether the model gives logits; by default what the compiled loss says.

    Raises:
        DataError: an input, or the ids, are not as many as the labels; or batches are used up by one epoch,
            or never end one.
    """

    def __init__(
        self,
        recorder: Recorder,
        x: Any,
        labels: Any = None,
        ids: Any = None,
        batch_size: int = 256,
        from_logits: bool | None = None,
    ) -> None:
        super().__init__()
        self.recorder, self._from_logits = recorder, from_logits
        _require_epochs(x)
        self._batches = _Given(x) if labels is None else _Slices(x, labels, ids, batch_size)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Pass over the examples, and close the epoch."""
        given = _gives_logits(self.model.loss) if self._from_logits is None else self._from_logits
        self.recorder.clean_pass(
            _batch(self.model.predict_on_batch(_ours(x)), labels, ids, given)
            for x, labels, ids in self._batches
        )
        self.recorder.end_epoch()


@dataclass(frozen=True, eq=False)
class _Slices:
    """Inputs, an array or several, labels and ids, in batches of the three."""

    x: Any
    labels: Any
    ids: Any
    size: int

    def __post_init__(self) -> None:
        arrays = [*keras.tree.flatten(self.x), *([] if self.ids is None else [self.ids])]
        if odd := [len(array) for array in arrays if len(array) != len(self.labels)]:
            raise DataError(
                f"a clean pass over {len(self.labels)} labels needs as many of each input and of the ids, "
                f"not {odd[0]}"
            )

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        ids = np.arange(len(self.labels)) if self.ids is None else self.ids
        for start in range(0, len(self.labels), self.size):
            chosen = slice(start, start + self.size)
            x = keras.tree.map_structure(lambda array, rows=chosen: array[rows], self.x)
            yield x, self.labels[chosen], ids[chosen]


@dataclass(frozen=True, eq=False)
class _Given:
    """Batches (x, labels, ids) or (x, (labels, ids)), gone through as often as they are asked for."""

    batches: Iterable[Any]

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        for batch in self.batches:
            x, *rest = batch
            if len(rest) == 1 and isinstance(rest[0], (tuple, list)):
                (rest,) = rest
            if len(rest) != 2:
                raise DataError("a batch of a clean pass is (x, labels, ids) or (x, (labels, ids))")
            yield x, rest[0], rest[1]


def _require_epochs(x: Any) -> None:
    """Refuse batches that are used up by one epoch, and those that never end one."""
    if isinstance(x, Iterator):
        raise DataError(
            "a clean pass goes through its batches after every epoch, and a generator has them once: give a "
            "list, a tf.data.Dataset or a DataLoader"
        )
    if hasattr(x, "cardinality") and int(x.cardinality()) == _ENDLESS:
        raise DataError("a clean pass over a dataset that repeats for ever has no end: leave repeat() out")


def _ours(x: Any) -> Any:
    """Inputs that the backend takes: JAX refuses the tensors of others."""
    if keras.backend.backend() != "jax":
        return x
    return keras.tree.map_structure(keras.ops.convert_to_numpy, x)


def _batch(predicted: Any, labels: Any, ids: Any, logits: bool) -> tuple[Any, Any, Any]:
    """Logits (B, K), labels (B,) and ids (B,) as numpy has them, of whatever the backend has."""
    if isinstance(predicted, (tuple, list, dict)):
        raise DataError(
            f"the model has {len(predicted)} outputs, and one is recorded: give a model of the classes alone"
        )
    values, labels, ids = (keras.ops.convert_to_numpy(array) for array in (predicted, labels, ids))
    if not logits:
        values = np.log(np.clip(values, _SMALLEST, 1))
    return np.array(values), np.array(labels).reshape(len(values)), np.array(ids).reshape(-1)


def _gives_logits(loss: Any) -> bool:
    """What a compiled loss says; one that is named by a text takes probabilities."""
    settings = loss.get_config() if hasattr(loss, "get_config") else {}
    return bool(settings.get("from_logits", settings.get("fn_kwargs", {}).get("from_logits")))


def _labels_and_ids(y: Any) -> tuple[Any, Any]:
    if isinstance(y, (tuple, list)):
        if len(y) != 2:
            raise DataError(f"targets must be (labels, ids), not {len(y)} arrays")
        return y[0], y[1]
    return y, None
