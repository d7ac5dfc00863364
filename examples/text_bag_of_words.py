"""Wrong labels found in texts: a bag of words and a linear network.

The texts are docstrings of libraries that are installed anyway, so that nothing is downloaded; the label of
each is its library.
"""

import inspect
from importlib import import_module

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from memest import Recorder

MODULES = {
    "numpy": ["numpy", "numpy.linalg", "numpy.fft", "numpy.ma"],
    "scipy": ["scipy.stats", "scipy.signal", "scipy.special", "scipy.optimize"],
    "torch": ["torch", "torch.nn", "torch.nn.functional", "torch.distributions"],
}
found = {
    text: (f"{module}.{name}", label)
    for label, library in enumerate(MODULES)
    for module in MODULES[library]
    for name, thing in vars(import_module(module)).items()
    if callable(thing) and len(text := inspect.getdoc(thing) or "") > 100
}
names, given = zip(*found.values(), strict=True)
words = TfidfVectorizer(max_features=2000).fit_transform(found).toarray()
labels = torch.tensor(given)
wrong = np.random.default_rng(0).choice(len(labels), len(labels) // 20, replace=False)
labels[wrong] = (labels[wrong] + 1) % len(MODULES)

torch.manual_seed(0)
network = nn.Linear(words.shape[1], len(MODULES))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
data = TensorDataset(torch.tensor(words, dtype=torch.float32), labels, torch.arange(len(labels)))

recorder = Recorder(ids=len(labels), classes=list(MODULES), names=names)
for _ in range(8):
    for x, y, ids in DataLoader(data, batch_size=32, shuffle=True):
        logits = network(x)
        recorder.update(logits, y, ids)
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, y).backward()
        optimizer.step()
    recorder.end_epoch()

count = len(wrong)
table = recorder.suspicious(count)
print(recorder.suspicious(10))
print(f"{np.isin(table['id'], wrong).sum()} of the {count} first are among the {count} that were changed")
