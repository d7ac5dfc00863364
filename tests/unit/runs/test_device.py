"""Threads of a run: chosen by its configuration, or as they were asked for."""

from __future__ import annotations

import pytest
import torch

from memest.models import build_model
from memest.runs.device import choose_threads, cpu_threads
from memest.sweep.engines import thread_limits

CPU = torch.device("cpu")
SMALL, LARGE = ("tiny", (8, 8, 1)), ("resnet18(width=16)", (32, 32, 3))


def chosen(spec: str, shape: tuple[int, int, int], device: torch.device = CPU) -> int:
    """The threads of a network on four cores."""
    with cpu_threads(4):
        return choose_threads(build_model(spec, shape[2], 10, 0), shape, device)


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment says how many threads."""
    for name in ("OMP_NUM_THREADS", "MEMEST_MAX_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("unset")
def test_small_networks_compute_on_one_thread() -> None:
    """Small is the network at its image size; a larger one takes all cores; a GPU needs no choice."""
    assert (chosen(*SMALL), chosen(*LARGE)) == (1, 4)
    assert (chosen("tiny", (8, 8, 3)), chosen("tiny", (64, 64, 3))) == (1, 4)
    assert chosen(*SMALL, torch.device("meta")) == 4


@pytest.mark.usefixtures("unset")
def test_several_runs_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an engine tells its runs: a share at most where they choose, else the number itself."""
    for limits, expected in (
        (thread_limits(0, 3), (1, 3)),
        (thread_limits(0, 8), (1, 4)),
        (thread_limits(0, 0), (4, 4)),
        (thread_limits(2, 3), (4, 4)),
    ):
        with monkeypatch.context() as run:
            for name, value in limits.items():
                run.setenv(name, value)
            assert (chosen(*SMALL), chosen(*LARGE)) == expected  # OMP_NUM_THREADS itself is torch's to read
    assert thread_limits(0, 1) == {"OMP_NUM_THREADS": "1"}
    assert thread_limits(2, 3) == {"OMP_NUM_THREADS": "2"}


@pytest.mark.usefixtures("unset")
def test_choosing_leaves_the_network_as_it_was() -> None:
    """Batch norms have seen nothing, the mode is put back, no hook stays."""
    network = build_model("tiny", 1, 10, 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with cpu_threads(2):
        choose_threads(network, (8, 8, 1), CPU)
        assert torch.get_num_threads() == 2
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(layer._forward_hooks for layer in network.modules())
