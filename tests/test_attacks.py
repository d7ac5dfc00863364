"""The distance to the nearest input of another class, against closed forms and a search of our own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from memest.errors import SettingError
from memest.scores import LocalLoss, ScoreSet

KEY = str(ScoreSet("adversarial_distance"))


class Linear(nn.Module):
    """Logits W·x + b of flattened images."""

    def __init__(self, weights_KD: Tensor, bias_K: Tensor) -> None:
        super().__init__()
        self.layer = nn.Linear(weights_KD.shape[1], weights_KD.shape[0])
        self.layer.load_state_dict({"weight": weights_KD, "bias": bias_K})

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (B, K)."""
        logits: Tensor = self.layer(images.flatten(1))
        return logits


def distances(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Of each example, as a pass measures it."""
    network.eval().requires_grad_(False)
    local = LocalLoss(network, images, labels, torch.arange(len(labels)), 0)
    return ScoreSet(KEY).from_input(local)[KEY]


def test_a_linear_network_against_its_closed_form() -> None:
    """The nearest of the planes between the label's class and each other: (f_y − f_k) / ‖w_y − w_k‖."""
    generator = torch.Generator().manual_seed(0)
    weights, bias = torch.randn(5, 48, generator=generator), torch.randn(5, generator=generator)
    images = torch.randn(100, 3, 4, 4, generator=generator)
    network = Linear(weights, bias)
    labels = network(images).argmax(dim=1).detach()
    labels[:7] = (labels[:7] + 1) % 5  # not what the network says
    logits = network(images).detach().double()
    gap = logits.gather(1, labels[:, None]) - logits
    norm = torch.linalg.vector_norm(weights.double()[labels][:, None] - weights.double(), dim=2)
    wanted = torch.where(norm > 0, gap / norm, torch.inf).amin(dim=1).clamp(min=0)
    found = distances(network, images, labels)
    assert (found[:7] == 0).all()
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-6)


def test_what_is_found_is_another_class_and_no_gradient_step_is_nearer() -> None:
    """On a network of rectifiers: a line search along the gradient, and ten random lines, go further."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 4))
    images = torch.randn(40, 3, 4, 4)
    labels = network(images).argmax(dim=1)
    found = distances(network, images, labels)
    assert (found > 0).all()
    inputs = images.clone().requires_grad_()
    loss = nn.functional.cross_entropy(network(inputs), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, inputs)
    for line in (gradient, *torch.randn(10, *images.shape)):
        unit = line / torch.linalg.vector_norm(line.flatten(1), dim=1)[:, None, None, None]
        for length in np.linspace(0, 1, 50):  # within 98 % of what was found, nothing changes
            moved = images + (0.98 * length * found)[:, None, None, None] * unit
            same = network(moved).argmax(dim=1) == labels
            assert same.float().mean() > 0.9


def test_it_does_not_depend_on_the_batch() -> None:
    """An example alone has the distance that it has among others."""
    torch.manual_seed(2)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 4))
    images, labels = torch.randn(70, 3, 4, 4), torch.randint(4, (70,))
    together = distances(network, images, labels)
    alone = torch.cat([distances(network, images[n : n + 1], labels[n : n + 1]) for n in range(70)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said."""
    monkeypatch.setitem(__import__("sys").modules, "art.attacks.evasion", None)
    with pytest.raises(SettingError, match=r"pip install 'memest\[attacks\]'"):
        distances(Linear(torch.eye(3), torch.zeros(3)), torch.randn(2, 3, 1, 1), torch.zeros(2).long())
