"""What `Recorded` costs in a Keras training: calls of `fit` for an epoch each, in turns.

    KERAS_BACKEND=tensorflow python -m benchmarks.keras_loop

Both sides train the same network from the same seed, compiled alike; what `fit` itself takes to begin counts
for both.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from benchmarks.free_csl import BATCH, CLASSES, synthetic
from benchmarks.recording import compare, options_of

BAR = 1.05


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = options_of(__doc__, images=(1024, "in an epoch, 32 × 32 × 3"), width=(64, "of the network"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    compare(
        "keras_loop",
        f"Keras on {backend}",
        lambda recorded: epochs_of(options.images, options.width, recorded),
        BAR,
        options,
        model=f"four convolutions of width {options.width}",
        images=options.images,
        batch=BATCH,
        classes=CLASSES,
    )


def epochs_of(count: int, width: int, recorded: bool) -> Callable[[], None]:
    """A function that trains one more epoch."""
    import keras

    from memest.integrations.keras import Recorded

    keras.utils.set_random_seed(0)
    images = synthetic(count)
    x, y, ids = np.asarray(images.images, np.float32) / 255, images.labels, images.ids
    layers = keras.layers
    network = keras.Sequential(
        [
            *(layers.Conv2D(width, 3, strides=1 + n % 2, activation="relu") for n in range(4)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES),
        ]
    )
    model = Recorded(network, ids=ids) if recorded else network
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, 0.9), loss, jit_compile=False)
    targets = (y, ids) if recorded else y
    return lambda: model.fit(x, targets, batch_size=BATCH, epochs=1, verbose=0)


if __name__ == "__main__":
    main()
