"""Wrong labels found in a plain training loop: three lines of memest."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from memest import Recorder

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16
labels = torch.tensor(digits.target)
wrong = np.random.default_rng(0).choice(len(labels), 90, replace=False)
labels[wrong] = (labels[wrong] + 1) % 10

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
data = TensorDataset(images, labels, torch.arange(len(labels)))  # ids ride along

recorder = Recorder(ids=len(labels), about={"dataset": "digits", "model": "mlp"})  # 1
for _ in range(8):
    for x, y, ids in DataLoader(data, batch_size=64, shuffle=True):
        logits = network(x)
        recorder.update(logits, y, ids)  # 2
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, y).backward()
        optimizer.step()
    recorder.end_epoch()  # 3

table = recorder.suspicious(90)
print(recorder.suspicious(10))
print(f"{np.isin(table['id'], wrong).sum()} of the 90 first are among the 90 that were changed")
