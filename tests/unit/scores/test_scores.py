"""Scores: a contract that every registered one keeps, and each one's numbers computed another way."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from memest.data import ImageSet, corrupt, load_images
from memest.errors import InputError, UnknownNameError, UnseenError
from memest.grammar.spec import Spec
from memest.loading import Batch, Loader
from memest.models import build_model
from memest.scores import KINDS, SCORES, Rows, ScoreSet, canonical, describe, measure
from memest.scores.probes import rademacher
from memest.seeding import Streams
from memest.train import Recipe, train_epochs

CPU = torch.device("cpu")
SEED = 5
EPSILON = float(np.finfo(np.float32).eps)
ROUNDING = 16 * EPSILON
"""What float32 sums in another order may differ by, as a share of the largest value: a few last places."""

VARIANTS = [
    "input_gradient(norm=1)",
    "curvature(probes=3, method=hvp)",
    "curvature(probes=3, power=2)",
    "curvature(step=0.01, probes=2)",
]
every_score = pytest.mark.parametrize("key", [*SCORES, *VARIANTS])


class Unobserved:
    """Sees the training batches and does nothing."""

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Nothing."""


@dataclass
class Case:
    """A trained network and 67 of the examples it was trained on, so that 3 are left after batches of 16."""

    network: nn.Module
    images: ImageSet
    statistics: tuple[Any, Any]

    def loader(self, order: Any = slice(None)) -> Loader:
        """The examples in another order."""
        return Loader(self.images.take(np.arange(len(self.images))[order]), self.statistics, CPU)

    def measure(
        self, key: str, size: int = 64, order: Any = slice(None), ids: Any = None, micro: int = 16
    ) -> Any:
        """One score, (N,), in the order of the set's ids unless other ids are given; `micro` at a time."""
        ids = self.images.ids if ids is None else ids
        batches = self.loader(order).batches(size)
        return measure(self.network, batches, ids, ScoreSet(key), CPU, SEED, batch_size=micro)[canonical(key)]


@pytest.fixture(scope="module")
def case() -> Case:
    """`tiny` after five epochs on 350 digits, a tenth of them with wrong labels."""
    split, streams = load_images("digits"), Streams(3)
    images, _ = corrupt(split.train.take(np.arange(0, 1400, 4)), "symmetric_noise(rate=0.1)", streams)
    statistics = images.statistics()
    network = build_model("tiny", 1, 10, streams.seed("weights"))
    training = Loader(images, statistics, CPU)
    testing = Loader(split.test.take(np.arange(20)), statistics, CPU)
    recipe = Recipe(epochs=5, batch_size=32)
    *_, end = train_epochs(network, [training], testing, recipe, streams, Unobserved())
    assert end.metrics["train/accuracy"] > 0.5
    return Case(network, images.take(np.arange(67)), statistics)


def assert_same(key: str, came: Any, expected: Any) -> None:
    """Two ways of putting examples into batches give the same bits; of an attack, values alike.

    An attack makes batches of its own, of the examples that it has not yet moved across.
    """
    if KINDS[Spec.parse(key).name].package is None:
        np.testing.assert_array_equal(came, expected)
    else:
        np.testing.assert_allclose(came, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())


# ---------------------------------------------------------------- the contract of every score


@every_score
def test_is_one_finite_float32_per_example(case: Case, key: str) -> None:
    """A score is (N,) float32, finite, and not the same for everyone."""
    values = case.measure(key)
    assert values.shape == (67,)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert len(np.unique(values)) > 1


@every_score
@pytest.mark.parametrize("size", [1, 7])
def test_does_not_depend_on_the_batch_size(case: Case, key: str, size: int) -> None:
    """Batches of 1, 7 and 64 give the same values: no batch mean, no scaling of the last batch."""
    assert_same(key, case.measure(key, size), case.measure(key, 64))


@every_score
def test_does_not_depend_on_the_order_of_examples(case: Case, key: str) -> None:
    """Shuffled examples, so other batches, give each id the value it had."""
    order = np.random.default_rng(0).permutation(67)
    assert_same(key, case.measure(key, 7, order), case.measure(key, 7))


@every_score
def test_comes_in_the_order_of_the_ids_asked_for(case: Case, key: str) -> None:
    """Values follow `ids`, bit for bit, whatever the order of the batches."""
    order = np.random.default_rng(1).permutation(67)
    np.testing.assert_array_equal(case.measure(key, ids=case.images.ids[order]), case.measure(key)[order])


@every_score
def test_is_the_same_every_time(case: Case, key: str) -> None:
    """Measuring twice gives identical bits: what is random is keyed, not drawn."""
    np.testing.assert_array_equal(case.measure(key), case.measure(key))


@every_score
def test_leaves_the_global_generators_alone(case: Case, key: str) -> None:
    """Whoever draws from torch's or numpy's global generator gets the same with or without measuring."""
    before = global_generators()
    case.measure(key)
    assert global_generators() == before


@every_score
def test_leaves_the_network_as_it_was(case: Case, key: str) -> None:
    """Weights, batch-norm statistics, each module's mode, requires_grad and .grad survive a measurement."""
    network = odd_network(case)
    before, facts = copy.deepcopy(network.state_dict()), state_of(network)
    measure(network, case.loader().batches(64), case.images.ids, ScoreSet(key), CPU)
    assert state_of(network) == facts
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@every_score
def test_leaves_the_network_as_it_was_after_an_exception(case: Case, key: str) -> None:
    """Mode, requires_grad and .grad are put back when a batch cannot be had."""
    network = odd_network(case)
    facts = state_of(network)
    with pytest.raises(OSError, match="disk"):
        measure(network, broken(case.loader().batches(7)), case.images.ids, ScoreSet(key), CPU)
    assert state_of(network) == facts


@every_score
def test_declares_its_unit_and_direction(key: str) -> None:
    """The manifest can say of each score what it is measured in and which way is harder, `seen/` or not."""
    assert describe(key) == describe(f"seen/{key}")
    assert describe(key)["unit"]
    assert describe(key)["harder"] in ("higher", "lower")


@every_score
def test_direction_is_the_declared_one(case: Case, key: str) -> None:
    """Examples that the network gets wrong are harder than those it gets right, as declared."""
    values, correct = case.measure(key), case.measure("correct").astype(bool)
    harder = values[~correct].mean() - values[correct].mean()
    assert harder * KINDS[Spec.parse(key).name].harder > 0


def global_generators() -> Any:
    """The states of torch's and numpy's global generators, comparable."""
    _, words, position, *_ = np.random.get_state()
    return torch.get_rng_state().tolist(), list(words), position


def odd_network(case: Case) -> nn.Module:
    """A copy in train mode but for one module, with one frozen weight and a gradient on half of them."""
    network = copy.deepcopy(case.network).train()
    next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d)).eval()
    for number, weight in enumerate(network.parameters()):
        weight.requires_grad_(number != 2)
        weight.grad = torch.full_like(weight, number) if number % 2 else None
    return network


def state_of(network: nn.Module) -> Any:
    """Everything but the weights that a measurement could change."""
    weights = list(network.parameters())
    grads = [None if weight.grad is None else weight.grad.flatten().tolist() for weight in weights]
    return [m.training for m in network.modules()], [weight.requires_grad for weight in weights], grads


def broken(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The first batch, then an error."""
    yield next(iter(batches))
    raise OSError("disk")


# ---------------------------------------------------------------- logits, against float64 numpy


def softmax(z: Any) -> Any:
    """(B, K) → (B, K) in float64."""
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def log_sum_exp(z: Any) -> Any:
    """(B, K) → (B,) in float64."""
    return z.max(1) + np.log(np.exp(z - z.max(1, keepdims=True)).sum(1))


def margin(z: Any, y: Any) -> Any:
    """The label's logit minus the largest other one, one example at a time."""
    return [row[label] - max(np.delete(row, label)) for row, label in zip(z, y, strict=True)]


def of_label(values: Any, y: Any) -> Any:
    """The column of each row's label."""
    return values[np.arange(len(y)), y]


WITNESS = {
    "loss": lambda z, y: log_sum_exp(z) - of_label(z, y),
    "correct": lambda z, y: [float(list(row).index(max(row)) == k) for row, k in zip(z, y, strict=True)],
    "confidence": lambda z, y: of_label(softmax(z), y),
    "peak": lambda z, y: softmax(z).max(1),
    "margin": margin,
    "entropy": lambda z, y: log_sum_exp(z) - (softmax(z) * z).sum(1),
    "el2n": lambda z, y: np.sqrt(((softmax(z) - np.eye(z.shape[1])[y]) ** 2).sum(1)),
}


@pytest.mark.parametrize("key", WITNESS)
def test_logit_score_is_its_formula(key: str) -> None:
    """Each logit score equals its textbook formula in float64, ties and saturated logits included."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 4, (200, 7)).astype(np.float32)
    z[0], z[1] = 0, 80 * np.eye(7)[3]  # all equal; p = 1 to the last bit
    z[2] = -80 * np.eye(7)[3]
    y = rng.integers(0, 7, 200)
    y[:3] = 0, 3, 3
    values = ScoreSet(key).from_logits(torch.from_numpy(z), torch.from_numpy(y))[key]
    np.testing.assert_allclose(values.numpy(), WITNESS[key](z.astype(float), y), rtol=1e-5, atol=2e-6)


def test_logit_scores_of_half_precision_are_computed_in_float32() -> None:
    """Logits in bfloat16 are widened first: the score is that of the very numbers that came."""
    z = torch.randn(50, 9, generator=torch.Generator().manual_seed(0)).bfloat16()
    y = torch.arange(50) % 9
    values = ScoreSet("loss").from_logits(z, y)["loss"]
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values, WITNESS["loss"](z.double().numpy(), y.numpy()), rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- gradients, one example at a time in float64


class OneByOne:
    """The same network in float64, differentiated one example at a time, with the same probes."""

    def __init__(self, case: Case) -> None:
        self.network = copy.deepcopy(case.network).double().eval()
        (batch,) = case.loader().batches(67)
        self.examples = [
            (batch.images[i : i + 1].double(), batch.labels[i : i + 1], batch.ids[i : i + 1])
            for i in range(67)
        ]

    def gradient(self, image: Tensor, label: Tensor) -> Tensor:
        """∇ₓ of minus the label's log-softmax, flat."""
        image = image.clone().requires_grad_()
        loss = -functional.log_softmax(self.network(image), 1)[0, label.item()]
        return torch.autograd.grad(loss, image)[0].flatten()

    def input_gradient(self, norm: int) -> Any:
        """‖∇ₓ loss‖ of each example."""
        gradients = [self.gradient(image, label) for image, label, _ in self.examples]
        return np.array([(g.abs() ** norm).sum().item() ** (1 / norm) for g in gradients])

    def curvature(self, step: float, probes: int, power: int) -> Any:
        """The finite difference of the docstring, spelled out."""
        return np.array([self.one_curvature(example, step, probes, power) for example in self.examples])

    def one_curvature(self, example: Any, step: float, probes: int, power: int) -> float:
        """That of one example."""
        image, label, identity = example
        at_image, changes = self.gradient(image, label), []
        for number in range(probes):
            v = rademacher(identity, SEED, number, image.numel()).view_as(image).double()
            change = self.gradient(image + step * v, label) - at_image
            changes.append((change.square().sum().sqrt().item() / step) ** power)
        return float(np.mean(changes))


def noise_floor(case: Case, step: float) -> float:
    """The curvature that rounding alone could make.

    p − onehot is rounded to one part in 2²⁴ of 1; the Jacobian of the logits, of size about
    ‖∇‖ / ‖p − onehot‖, carries that to the gradient, and two such errors are divided by the step.
    """
    jacobian = (case.measure("input_gradient") / case.measure("el2n")).max()
    return float(2 * EPSILON / 2 * jacobian / step)


@pytest.mark.parametrize("norm", [1, 2])
def test_input_gradient_is_that_of_each_example_alone(case: Case, norm: int) -> None:
    """‖∇ₓ loss‖ equals a float64 loop over single examples: no mean or sum over the batch is left in."""
    expected = OneByOne(case).input_gradient(norm)
    error = np.abs(case.measure(f"input_gradient(norm={norm})") - expected) / expected
    assert np.median(error) <= 1e-5
    assert np.quantile(error, 0.95) <= 1e-3


@pytest.mark.parametrize(("probes", "power"), [(10, 1), (3, 2)])
def test_curvature_is_that_of_each_example_alone(case: Case, probes: int, power: int) -> None:
    """Curvature equals a float64 loop over single examples with the same probes, above the noise floor."""
    expected = OneByOne(case).curvature(1e-3, probes, power)
    loud = expected ** (1 / power) > 100 * noise_floor(case, 1e-3)
    assert loud.sum() > 60
    came = case.measure(f"curvature(probes={probes}, power={power})")
    assert np.median((np.abs(came - expected) / expected)[loud]) <= 1e-3


# ---------------------------------------------------------------- curvature, in closed form


def linear_network() -> nn.Sequential:
    """Logits W x of images (3, 5, 5): 75 values, not a multiple of the 32 signs in a word."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(75, 4, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(0.15 * torch.randn(4, 75, generator=torch.Generator().manual_seed(1)))
    return network


def linear_batch() -> Batch:
    """Six images for the linear network, under scattered ids."""
    images = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    return Batch(images, torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([3, 1_000_003, 0, 8, 2**40, 77]))


def hessians(batch: Batch) -> Any:
    """Wᵀ (diag p − p pᵀ) W of each example, (6, 75, 75), in float64."""
    w = linear_network()[1].weight.detach().double().numpy()
    p = softmax(batch.images.flatten(1).double().numpy() @ w.T)
    return np.stack([w.T @ (np.diag(row) - np.outer(row, row)) @ w for row in p])


def curvature_of(batch: Batch, settings: str, seed: int = SEED) -> Any:
    """The curvature of the linear network at a batch, (6,)."""
    scores = ScoreSet(f"curvature({settings})")
    came = measure(linear_network(), [batch], batch.ids.numpy(), scores, CPU, seed, batch_size=6)
    return came[scores.keys[0]]


def test_the_exact_product_is_the_hessian_times_the_probe() -> None:
    """With method=hvp it is ‖H v‖ to float32 rounding, whatever the step, H in closed form."""
    batch = linear_batch()
    exact = curvature_of(batch, "probes=1, method=hvp")
    v = rademacher(batch.ids, SEED, 0, 75).double().numpy()
    expected = [np.linalg.norm(h @ row) for h, row in zip(hessians(batch), v, strict=True)]
    np.testing.assert_allclose(exact, expected, rtol=1e-5)
    np.testing.assert_array_equal(curvature_of(batch, "probes=1, step=0.5, method=hvp"), exact)


def test_curvature_of_a_linear_model_is_the_hessian_times_the_probe() -> None:
    """With one probe v it is ‖H v‖, H in closed form; the step's own error is about 1e-3."""
    batch = linear_batch()
    for seed in range(5):
        v = rademacher(batch.ids, seed, 0, 75).double().numpy()
        expected = [np.linalg.norm(h @ row) for h, row in zip(hessians(batch), v, strict=True)]
        np.testing.assert_allclose(curvature_of(batch, "probes=1", seed), expected, rtol=1e-2)


def test_squared_curvature_estimates_the_trace_of_the_squared_hessian() -> None:
    """With power 2 the mean over 2,000 probes is Tr(H²), within four standard errors of Hutchinson.

    The variance of vᵀA v over Rademacher v is 2 Σ_{i≠j} A_ij², here with A = H².
    """
    batch = linear_batch()
    squares = np.stack([h @ h for h in hessians(batch)])
    trace = np.array([np.trace(a) for a in squares])
    spread = np.array([np.sqrt(2 * ((a**2).sum() - (np.diag(a) ** 2).sum()) / 2000) for a in squares])
    came = curvature_of(batch, "probes=2000, power=2")
    assert (np.abs(came - trace) < 4 * spread + 0.005 * trace).all()
    assert (spread < 0.05 * trace).all()


def test_curvature_is_divided_by_its_step() -> None:
    """Where the loss is smooth, a step twice as long gives the same curvature to first order."""
    batch = linear_batch()
    np.testing.assert_allclose(
        curvature_of(batch, "step=0.002"), curvature_of(batch, "step=0.001"), rtol=1e-2
    )


@pytest.mark.parametrize("key", ["loss", "input_gradient", "curvature(power=2)"])
def test_the_last_smaller_batch_is_like_any_other(case: Case, key: str) -> None:
    """The three examples left over after 64, filled up with copies, score as they do in the middle of 67."""
    together, apart = case.measure(key, micro=67)[-3:], case.measure(key, micro=64)[-3:]
    np.testing.assert_allclose(apart, together, rtol=1e-3)


# ---------------------------------------------------------------- probes


@pytest.mark.parametrize("dimensions", [1, 31, 32, 33, 75, 3072])
def test_probes_are_signs(dimensions: int) -> None:
    """Every value is exactly +1 or −1, for any number of dimensions."""
    signs = rademacher(torch.arange(10), 2**62 + 1, 0, dimensions)
    assert signs.shape == (10, dimensions)
    assert signs.dtype == torch.float32
    assert torch.equal(signs.abs(), torch.ones(10, dimensions))


def test_a_probe_belongs_to_its_example() -> None:
    """An id's probe is the same whichever ids share its batch, and wherever in it the id stands."""
    ids = torch.tensor([8, 0, 2**40, 77, 3])
    together = rademacher(ids, 11, 2, 75)
    for position, identity in enumerate(ids):
        assert torch.equal(rademacher(identity[None], 11, 2, 75)[0], together[position])
    assert torch.equal(rademacher(ids.flip(0), 11, 2, 75), together.flip(0))


def test_probes_are_the_published_mixer() -> None:
    """SplitMix64 in Python's unbounded integers gives the same signs: they can be had on any machine."""

    def mix(z: int) -> int:
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    golden, identity, seed, probe = 0x9E3779B97F4A7C15, 123_456_789, 2**62 + 12_345, 3
    stream = mix((mix((identity * golden + seed) % 2**64) + probe * golden) % 2**64)
    words = [mix((stream + word * golden) % 2**64) for word in range(3)]
    expected = [2 * (words[d // 32] >> d % 32 & 1) - 1 for d in range(75)]
    assert rademacher(torch.tensor([identity]), seed, probe, 75)[0].tolist() == expected


def test_probes_are_unrelated_across_ids_seeds_and_numbers() -> None:
    """Neighbouring ids, seeds and probe numbers give vectors as uncorrelated as coin flips.

    A correlation over D flips has standard deviation 1/√D. Among the 45,000 pairs none is beyond six of
    them, and their mean square is 1/D.
    """
    dimensions = 4096
    rows = torch.cat(
        [rademacher(torch.arange(10), seed, number, dimensions) for seed in range(5) for number in range(6)]
    )
    assert rows.mean(1).abs().max() < 6 / dimensions**0.5
    assert abs(rows.mean().item()) < 4 / rows.numel() ** 0.5
    pairs = (rows @ rows.T / dimensions)[tuple(torch.triu_indices(300, 300, 1))]
    assert pairs.abs().max() < 6 / dimensions**0.5
    assert pairs.square().mean().item() == pytest.approx(1 / dimensions, rel=0.05)


def test_the_coordinates_of_a_probe_are_unrelated() -> None:
    """Over 4,096 examples no two coordinates agree more than chance allows, and each is half +1."""
    signs = rademacher(torch.arange(4096), SEED, 0, 130)
    assert signs.mean(0).abs().max() < 6 / 64
    pairs = (signs.T @ signs / 4096)[tuple(torch.triu_indices(130, 130, 1))]
    assert pairs.abs().max() < 6 / 64
    assert pairs.square().mean().item() == pytest.approx(1 / 4096, rel=0.05)


def test_the_epoch_seed_moves_curvature_but_not_the_gradient(case: Case) -> None:
    """Each epoch has probes of its own; scores without probes do not know the seed."""
    scores, loader = ScoreSet("loss, input_gradient, curvature(probes=1)"), case.loader()
    one, other = (measure(case.network, loader.batches(64), case.images.ids, scores, CPU, s) for s in (1, 2))
    loss, gradient, curvature = scores.keys
    np.testing.assert_array_equal(one[loss], other[loss])
    np.testing.assert_array_equal(one[gradient], other[gradient])
    assert (one[curvature] != other[curvature]).all()


# ---------------------------------------------------------------- rows


IDS = np.array([700, 5, 2**40, 33, 6])


def rows_after(*batches: list[int]) -> Rows:
    """Rows of `IDS` after batches whose values are the ids themselves, modulo 1,000."""
    rows = Rows(IDS, CPU)
    for batch in batches:
        ids = torch.tensor(batch)
        rows.put(ids, {"value": (ids % 1000).float()})
    return rows


def test_shuffled_ids_land_right() -> None:
    """Ids that are neither sorted nor contiguous get their own values back, in the order of the set."""
    columns = rows_after([33, 700], [2**40], [6, 5]).take()
    np.testing.assert_array_equal(columns["value"], (IDS % 1000).astype(np.float32))


def test_ids_that_are_a_view_land_right() -> None:
    """A strided view of ids, such as a column of a loader's batch, is taken as it is, without a warning."""
    rows, table = Rows(IDS, CPU), torch.from_numpy(np.stack([IDS, IDS], 1))
    rows.put(table[:, 0], {"value": (table[:, 0] % 1000).float()})
    np.testing.assert_array_equal(rows.take()["value"], (IDS % 1000).astype(np.float32))


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([[700, 5, 33]], id="unseen"),
        pytest.param([IDS.tolist(), [33]], id="repeated in another batch"),
        pytest.param([[*IDS.tolist(), 33]], id="repeated in one batch"),
        pytest.param([[*IDS.tolist(), 34]], id="foreign, between"),
        pytest.param([[*IDS.tolist(), 2**41]], id="foreign, above"),
        pytest.param([[*IDS.tolist(), 0]], id="foreign, below"),
        pytest.param([[*IDS.tolist(), 33, 32]], id="repeated and foreign, in balance"),
        pytest.param([[]], id="nothing"),
    ],
)
def test_anything_but_each_id_once_is_an_error(batches: list[list[int]]) -> None:
    """A pass that misses, repeats or invents an example never becomes a column."""
    with pytest.raises(UnseenError, match="once in an epoch"):
        rows_after(*batches).take()


@pytest.mark.parametrize("foreign", [0, 34, 2**41])
def test_a_foreign_id_is_an_error_even_in_a_partial_epoch(foreign: int) -> None:
    """Leaving examples out may be allowed; an id of no example never is, nor does it hide another."""
    with pytest.raises(UnseenError, match="1 deliveries had an id of no example"):
        rows_after([700, 5, 2**40, foreign]).take(partial=True)


def test_a_partial_epoch_has_nan_where_nothing_came() -> None:
    """Examples that were left out are NaN, the others keep their values."""
    columns = rows_after([700, 6]).take(partial=True)
    np.testing.assert_array_equal(columns["value"], [700, np.nan, np.nan, np.nan, 6])


def test_rows_are_empty_once_taken() -> None:
    """The next pass starts anew: the same ids again are not a repetition."""
    rows = rows_after(IDS.tolist())
    first = rows.take()
    assert rows.empty
    rows.put(torch.from_numpy(IDS), {"value": torch.zeros(5)})
    np.testing.assert_array_equal(rows.take()["value"], np.zeros(5))
    np.testing.assert_array_equal(first["value"], (IDS % 1000).astype(np.float32))


def test_measuring_the_wrong_examples_is_an_error(case: Case) -> None:
    """`measure` refuses batches that are not those of the ids it is given."""
    for ids in (case.images.ids[:-1], np.append(case.images.ids, 99_999)):
        with pytest.raises(UnseenError):
            case.measure("loss", ids=ids)


# ---------------------------------------------------------------- names


def test_logits_stands_for_every_score_made_from_logits() -> None:
    """`logits` expands to all of them, once, also beside one of its own."""
    expected = [key for key in SCORES if KINDS[key].source == "logits"]
    assert ScoreSet("logits").keys == expected
    missing = set(expected) ^ set(WITNESS)
    assert not missing, f"write the formula of {missing} in float64 into WITNESS"
    assert ScoreSet("loss, logits, loss").keys == ["loss", *(key for key in expected if key != "loss")]


def test_keys_are_canonical() -> None:
    """However a score is spelled, it is stored under one key, with its defaults filled in."""
    full = "curvature(step=0.001, probes=10, power=1, method=difference)"
    for spelling in ("curvature", "curvature()", " curvature( power = 1,step=1e-3 )", full):
        assert canonical(spelling) == full
        assert ScoreSet(spelling).keys == [full]
    assert canonical("seen/loss") == "seen/loss"
    assert ScoreSet("curvature, curvature(probes=10)").keys == [full]


def test_a_set_of_scores_prints_as_what_it_parses() -> None:
    """The text of a set gives the set back, as the configuration of a run needs."""
    scores = ScoreSet("input_gradient(norm=1), logits, curvature(probes=2)")
    assert ScoreSet(str(scores)).keys == scores.keys
    assert len(ScoreSet("")) == 0


def test_a_set_of_scores_splits_by_source() -> None:
    """What is free and what costs a backward pass can be told apart, and nothing is lost."""
    scores = ScoreSet("curvature, loss, input_gradient")
    assert scores.of("logits").keys == ["loss"]
    assert [key.split("(")[0] for key in scores.of("input").keys] == ["curvature", "input_gradient"]


@pytest.mark.parametrize(
    "text",
    [
        "los",
        "loss(norm=2)",
        "curvature(probes=0)",
        "curvature(probes=2.5)",
        "curvature(step=0)",
        "curvature(step=-1)",
        "curvature(step=nan)",
        "curvature(power=3)",
        "input_gradient(norm=inf)",
        "loss,,correct",
        "loss, curvature(probes=0)",
    ],
)
def test_a_score_that_cannot_be_is_refused_before_anything_runs(text: str) -> None:
    """An unknown score or keyword, or a value out of range, is an error of the one who asked."""
    with pytest.raises(InputError):
        ScoreSet(text)


def test_an_unknown_score_is_answered_with_the_nearest() -> None:
    """The message names the score that was probably meant."""
    with pytest.raises(UnknownNameError, match="did you mean 'curvature'"):
        ScoreSet("curvatur")
