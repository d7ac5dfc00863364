# %% [markdown]
# # Do three seeds suspect the same labels?
# A notebook, as VS Code and Jupyter (through jupytext) open it: three recordings of a small network on
# digits, logged as runs in MLflow, then queried. It needs `memest[data,tracking,analysis]`.

# %%
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import memest

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16
labels = torch.tensor(digits.target)
wrong = np.random.default_rng(0).choice(len(labels), 90, replace=False)
labels[wrong] = (labels[wrong] + 1) % 10
data = TensorDataset(images, labels, torch.arange(len(labels)))


# %%
def record(seed: int) -> str:
    """Train a network of that seed and log what was recorded; the id of the run."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    recorder = memest.Recorder(len(labels), about={"dataset": "digits", "model": "mlp", "seed": seed})
    for _ in range(4):
        for x, y, ids in DataLoader(data, batch_size=64, shuffle=True):
            logits = network(x)
            recorder.update(logits, y, ids)
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, y).backward()
            optimizer.step()
        recorder.end_epoch()
    return recorder.log("own loops")


for seed in range(3):
    record(seed)

# %% [markdown]
# One row per run; then one row per run and example.

# %%
runs = memest.find_runs("own loops", model="mlp")
print(runs.to_pandas()[["seed", "train/loss", "train/accuracy"]])

# %%
table = runs.summary(["label", "seen/csl"])
by_seed = table.pivot(index="id", columns="seed", values="seen/csl")
print(by_seed.corr("spearman"))

# %% [markdown]
# The mean over the seeds ranks the labels; a trace shows when each was learned.

# %%
worst = by_seed.mean(axis=1).nlargest(90)
epochs, losses = next(iter(runs)).sheet.trace("seen/loss")
print(worst.head(10))
print(f"loss of id {worst.index[0]} at epochs {epochs}: {losses[:, worst.index[0]]}")
print(f"{np.isin(worst.index, wrong).sum()} of the 90 first are among the 90 that were changed")
