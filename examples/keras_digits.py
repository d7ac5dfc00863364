"""Wrong labels found in a Keras training, on whichever backend KERAS_BACKEND names."""

import keras
import numpy as np
from sklearn.datasets import load_digits

from memest.integrations.keras import Recorded

digits = load_digits()
images = digits.images.reshape(-1, 64).astype("float32") / 16
labels = digits.target.copy()
wrong = np.random.default_rng(0).choice(len(labels), 90, replace=False)
labels[wrong] = (labels[wrong] + 1) % 10

keras.utils.set_random_seed(0)
network = keras.Sequential([keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)])
model = Recorded(network, ids=len(labels))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
model.fit(images, (labels, np.arange(len(labels))), batch_size=64, epochs=8, verbose=0)

table = model.recorder.suspicious(90)
print(model.recorder.suspicious(10))
print(f"{np.isin(table['id'], wrong).sum()} of the 90 first are among the 90 that were changed")
