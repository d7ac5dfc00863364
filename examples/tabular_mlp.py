"""Wrong labels found in a table: three kinds of wine, thirteen measurements of each."""

import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from memest import Recorder

wine = load_wine()
rows = torch.tensor((wine.data - wine.data.mean(0)) / wine.data.std(0), dtype=torch.float32)
labels = torch.tensor(wine.target)
wrong = np.random.default_rng(0).choice(len(labels), 9, replace=False)
labels[wrong] = (labels[wrong] + 1) % 3

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
data = TensorDataset(rows, labels, torch.arange(len(labels)))

recorder = Recorder(ids=len(labels), classes=list(wine.target_names))
for _ in range(12):
    for x, y, ids in DataLoader(data, batch_size=16, shuffle=True):
        logits = network(x)
        recorder.update(logits, y, ids)
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, y).backward()
        optimizer.step()
    recorder.end_epoch()

table = recorder.suspicious(9)
print(table)
print(f"{np.isin(table['id'], wrong).sum()} of the 9 first are among the 9 that were changed")
