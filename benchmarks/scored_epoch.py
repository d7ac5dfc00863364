"""What a scored epoch costs: every logit score, the input gradient and curvature, against a plain way.

The plain way follows the published procedure: for the loss and the gradient one forward and one backward,
and for each probe a forward at both points and one backward through their difference, signs drawn example
by example, one epoch's network as it was trained (batch norms and all). It asks for input gradients only,
which is kind to it. memest shares the base point, folds batch norms and keeps the layout that is fast.

Both sides measure the same examples with the same network in turns, and must agree in value.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.rows import Row, at_least, at_most, compared, publish
from benchmarks.timing import alternate
from memest.grammar.once import OnceParser
from memest.models import build_model
from memest.scores import SCORES, ScoreSet, measure
from memest.scores.engine.inference import full_precision
from memest.scores.engine.micro_batches import ExampleBatch
from memest.scores.probes import rademacher

BAR, AGREEMENT = {"cpu": 1.8, "cuda": 5.0}, 1e-3


def plain_pass(network: nn.Module, batch: ExampleBatch, probes: int, step: float) -> dict[str, Tensor]:
    """Loss, gradient norm and curvature of each example, (B,), by the published procedure.

    The probes are those that memest uses, so that both sides can be compared in value.
    """
    x = batch.images.clone().requires_grad_()
    losses = functional.cross_entropy(network(x), batch.labels, reduction="none")
    (gradient,) = torch.autograd.grad(losses.sum(), x)
    curvature = torch.zeros(len(batch.ids), device=x.device)
    for number in range(probes):
        signs = rademacher(batch.ids, 0, number, batch.images[0].numel()).view_as(batch.images)
        shift = torch.stack([sign * step for sign in signs])
        x = batch.images.clone().requires_grad_()
        difference = functional.cross_entropy(network(x + shift), batch.labels, reduction="sum")
        difference = difference - functional.cross_entropy(network(x), batch.labels, reduction="sum")
        (change,) = torch.autograd.grad(difference, x)
        curvature += change.flatten(1).norm(dim=1) / step
    return {
        "loss": losses.detach(),
        "input_gradient(norm=2)": gradient.flatten(1).norm(dim=1),
        str(SCORES.parse(f"curvature(step={step}, probes={probes})")): curvature / probes,
    }


def main() -> None:
    """Time both, compare their values, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--pairs", type=int, default=9, help="passes of each side, in turns")
    parser.add_argument("--model", default="resnet18", help="network spec")
    parser.add_argument(
        "--batch", type=int, default=64, help="images in a batch, 32 × 32 × 3; one batch is timed"
    )
    parser.add_argument("--probes", type=int, default=10, help="probes of curvature")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    wanted = parser.parse_args()

    device = torch.device(wanted.device)
    network, batch = prepared(wanted.model, wanted.batch, device)
    scores = ScoreSet(f"logits, input_gradient, curvature(probes={wanted.probes})")
    ids = batch.ids.cpu().numpy()

    def plain() -> float:
        began = time.perf_counter()
        for values in plain_pass(network, batch, wanted.probes, 1e-3).values():
            values.cpu()
        return time.perf_counter() - began

    def fused() -> float:
        began = time.perf_counter()
        measure(network, [batch], ids, scores, device, batch_size=wanted.batch)
        return time.perf_counter() - began

    plain(), fused()  # warm both
    ratio = alternate(fused, plain, wanted.pairs)
    with full_precision():  # a GPU's TF32 would drown the differences that are compared
        theirs = plain_pass(network, batch, wanted.probes, 1e-3)
    ours = measure(network, [batch], ids, scores, device, batch_size=wanted.batch)
    errors = {key: _relative(ours[key], values.cpu().numpy()) for key, values in theirs.items()}

    what = f"published way / memest: logit scores, gradient, curvature n = {wanted.probes}"
    rows = [at_least(BAR[device.type], compared(what, ratio))]
    for key, error in errors.items():
        rows.append(at_most(AGREEMENT, Row(f"median relative difference: {key}", error, "")))
    rows.append(
        Row("apart: a process of its own for every epoch, as published", own_process(wanted.model), "s")
    )
    settings = {"model": wanted.model, "batch": wanted.batch, "probes": wanted.probes}
    seconds = {
        "memest_seconds": ratio.plain.round(4).tolist(),
        "published_way_seconds": ratio.measured.round(4).tolist(),
    }
    publish("scored_epoch", device, rows, settings=settings, **seconds)


def own_process(model: str) -> float:
    """Seconds from the start of a Python to a network in memory, the median of five."""
    code = f"from memest.models import build_model; build_model({model!r}, 3, 100, 0)"
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def prepared(model: str, size: int, device: torch.device) -> tuple[nn.Module, ExampleBatch]:
    """A network whose batch norms have seen data, in evaluation mode with frozen weights, and a batch."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, 32, 32, generator=generator).to(device)
    network = build_model(model, 3, 100, 0).to(device)
    with torch.no_grad():
        for _ in range(3):
            network(images)
    network.eval().requires_grad_(False)
    labels = torch.randint(0, 100, (size,), generator=generator).to(device)
    return network, _Batch(images, labels, torch.arange(size, device=device))


class _Batch:
    def __init__(self, images: Tensor, labels: Tensor, ids: Tensor) -> None:
        self.images, self.labels, self.ids = images, labels, ids


def _relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.median(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-12)))


if __name__ == "__main__":
    main()
