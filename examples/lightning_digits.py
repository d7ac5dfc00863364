"""Wrong labels found in a Lightning training: one callback."""

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from memest import Recorder
from memest.integrations.lightning import CSLCallback

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16
labels = torch.tensor(digits.target)
wrong = np.random.default_rng(0).choice(len(labels), 90, replace=False)
labels[wrong] = (labels[wrong] + 1) % 10


class Classifier(LightningModule):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        x, y, _ = batch
        return nn.functional.cross_entropy(self(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.01)


torch.manual_seed(0)
data = TensorDataset(images, labels, torch.arange(len(labels)))
callback = CSLCallback(Recorder(ids=len(labels)))
trainer = Trainer(
    max_epochs=8, callbacks=[callback], logger=False, enable_checkpointing=False, enable_progress_bar=False
)
trainer.fit(Classifier(), DataLoader(data, batch_size=64, shuffle=True))

table = callback.recorder.suspicious(90)
print(callback.recorder.suspicious(10))
print(f"{np.isin(table['id'], wrong).sum()} of the 90 first are among the 90 that were changed")
