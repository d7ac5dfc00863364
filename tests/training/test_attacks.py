"""The distance to the nearest input of another class, against a closed form and a search of our own."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor, nn

from memest.errors import SettingError
from memest.scores import LocalLoss, ScoreSet, score_list
from memest.scores.attacks import across

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


def rectifiers(seed: int) -> nn.Module:
    """A network of rectifiers, in evaluation mode, without gradients of its weights."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 4))
    return network.eval().requires_grad_(False)


def test_what_is_found_is_another_class_and_no_nearer_one_lies_along_the_gradient() -> None:
    """Just beyond x′ the class is another; along the gradient of the loss the class changes no sooner."""
    network, images = rectifiers(1), torch.randn(70, 3, 4, 4)
    labels = network(images).argmax(dim=1)
    local = LocalLoss(network, images, labels, torch.arange(70), 0)
    way = across(local, images, 5) - images
    found = torch.linalg.vector_norm(way.flatten(1), dim=1)
    torch.testing.assert_close(distances(network, images, labels), found)
    assert (network(images + 1.001 * way).argmax(dim=1) != labels).all()
    assert (network(images + 0.9 * way).argmax(dim=1) == labels).float().mean() > 0.9
    unit = local.gradient / torch.linalg.vector_norm(local.gradient.flatten(1), dim=1)[:, None, None, None]
    for share in torch.linspace(0, 0.9, 50):
        moved = images + (share * found)[:, None, None, None] * unit
        assert (network(moved).argmax(dim=1) == labels).float().mean() > 0.9


def test_a_few_steps_are_enough() -> None:
    """Ten times as many change nothing that matters."""
    network, images = rectifiers(3), torch.randn(70, 3, 4, 4)
    labels = network(images).argmax(dim=1)
    local = LocalLoss(network, images, labels, torch.arange(70), 0)
    few, many = (
        torch.linalg.vector_norm((across(local, images, steps) - images).flatten(1), dim=1)
        for steps in (5, 50)
    )
    assert ((few - many).abs() / many).quantile(0.95) < 1e-3


def test_it_does_not_depend_on_the_batch() -> None:
    """An example alone has the distance that it has among others, in whatever batch the attack puts it."""
    network, images = rectifiers(2), torch.randn(70, 3, 4, 4)
    labels = network(images).argmax(dim=1)
    together = distances(network, images, labels)
    alone = torch.cat([distances(network, images[n : n + 1], labels[n : n + 1]) for n in range(70)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said, when settings are read."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"needs the package art.*pip install 'memest\[attacks\]'"):
        score_list("loss, adversarial_distance")
    assert score_list("loss") == "loss"
