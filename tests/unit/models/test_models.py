"""Every registered model keeps the same contract, and the published ones have their published size."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from memest.errors import SettingError, UnknownNameError
from memest.grammar.registry import Registry
from memest.models import MODELS, ModelBuilder, base, build_model

every_model = pytest.mark.parametrize("name", list(MODELS))


def draw_images(count: int, channels: int = 3, size: int = 8) -> Tensor:
    """Normal noise (count, channels, size, size), the same at every call."""
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def weights(model: nn.Module) -> Tensor:
    """All parameters of a model, end to end."""
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def parameter_count(name: str) -> int:
    """Trainable numbers of a model for three channels and ten classes."""
    return weights(build_model(name, channels=3, classes=10, seed=0)).numel()


@every_model
@pytest.mark.parametrize("channels", [1, 3])
def test_gives_one_row_of_logits_per_image(name: str, channels: int) -> None:
    """Any model takes grey or colour images of 8, 28 and 32 pixels and gives (N, K) finite logits."""
    model = build_model(name, channels, classes=7, seed=0).eval()
    for size in (8, 28, 32):
        with torch.no_grad():
            logits_NK = model(draw_images(2, channels, size))
        assert logits_NK.shape == (2, 7)
        assert logits_NK.isfinite().all()


@every_model
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_gradient_reaches_every_parameter(name: str, training: bool) -> None:
    """No parameter is left out of the computation, and none gets NaN or infinity.

    Both modes, because in train mode a bias before batch norm has no gradient beyond rounding error.
    """
    model = build_model(name, channels=3, classes=4, seed=0).train(training)
    torch.autograd.backward(functional.cross_entropy(model(draw_images(4)), torch.arange(4)))
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.count_nonzero() > 0, key


@every_model
def test_weights_are_those_of_the_seed(name: str) -> None:
    """The same seed gives identical weights whatever was drawn before; another seed gives others."""
    first = weights(build_model(name, channels=1, classes=10, seed=2**62 + 5))
    torch.rand(3)
    again = weights(build_model(name, channels=1, classes=10, seed=2**62 + 5))
    other = weights(build_model(name, channels=1, classes=10, seed=6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_model
def test_building_leaves_the_global_generator_alone(name: str) -> None:
    """Whoever draws from torch's global generator gets the same numbers with or without a model built."""
    before = torch.get_rng_state()
    build_model(name, channels=1, classes=10, seed=3)
    assert torch.equal(before, torch.get_rng_state())


@every_model
def test_eval_mode_scores_each_image_alone(name: str) -> None:
    """In eval mode the logits of an image do not depend on its neighbours in the batch."""
    model = build_model(name, channels=3, classes=4, seed=0)
    use_statistics_of(model, draw_images(8, size=16))
    images = draw_images(8, size=16)
    with torch.no_grad():
        alone_NK, second_NK = model(images[:1]), model(images[1:2])
        together_NK = model(torch.cat([images[:1], 100 * images[2:]]))[:1]
    tolerance = 1e-3 * (alone_NK - second_NK).abs().max().item()
    assert tolerance > 0
    assert torch.allclose(alone_NK, together_NK, rtol=0, atol=tolerance)


def use_statistics_of(model: nn.Module, images: Tensor) -> None:
    """Put `model` in eval mode with these images' batch-norm statistics.

    The initial statistics let the signal of a deep model fade, and with it all differences.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(images)
    model.eval()


def test_default_device_does_not_matter() -> None:
    """Weights are drawn on the CPU even inside another default device, so a GPU run starts alike."""
    expected = weights(build_model("tiny", channels=1, classes=10, seed=1))
    with torch.device("meta"):
        model = build_model("tiny", channels=1, classes=10, seed=1)
    assert torch.equal(weights(model), expected)


@pytest.mark.parametrize(
    ("name", "count"),
    [("resnet18", 11_173_962), ("resnet50", 23_520_842), ("vgg16", 14_728_266), ("mobilenetv2", 2_296_922)],
)
def test_parameter_count_is_the_published_one(name: str, count: int) -> None:
    """The CIFAR form of each model is the one others report results for, to the last parameter."""
    assert parameter_count(name) == count


def test_small_inception_has_the_parameters_of_its_source() -> None:
    """Zhang et al. (2017, table 1) count 1,649,402: one offset per channel, without batch-norm scales.

    The sum is written out from the paper's figure, and the scales are what this model has on top.
    """
    one_by_one = 96 * 32 + 64 * 32 + 160 * (112 + 96 + 80 + 48) + 240 * 176 + 336 * 176
    three_by_three = (
        3 * 96 + 96 * 32 + 64 * 48 + 80 * 80 + 160 * (48 + 64 + 80 + 96) + 144 * 96 + 240 * 160 + 336 * 160
    )
    channels = 96 + 64 + 80 + 80 + 160 + 160 + 160 + 144 + 96 + 336 + 336
    linear = 336 * 10 + 10
    published = one_by_one + 9 * three_by_three + channels + linear
    assert published == 1_649_402
    assert parameter_count("small_inception") == published + channels == 1_651_114


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_from_128_pixels_on_residual_networks_are_those_of_torchvision(name: str) -> None:
    """With our weights, in their order, torchvision's network gives our logits for images of 128 pixels."""
    model = build_model(name, channels=3, classes=1000, seed=0, size=128)
    theirs = getattr(torchvision.models, name)()
    ours = [value for key, value in model.state_dict().items()]
    assert (
        sum(value.numel() for value in model.parameters())
        == {"resnet18": 11_689_512, "resnet50": 25_557_032}[name]
    )
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours, strict=True)))
    images = draw_images(2, size=128)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(images), theirs.eval()(images))


@every_model
def test_large_images_are_halved_early(name: str) -> None:
    """At 160 pixels a network gives (N, K) logits, and its first convolution has half of the rows.

    Those of VGG see all pixels, as its source has it, and so do airbench's, unless its stride is 2.
    """
    model = build_model(name, channels=3, classes=5, seed=0, size=160).eval()
    seen: list[int] = []
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    for convolution in convolutions[:2]:
        convolution.register_forward_hook(lambda _, __, output: seen.append(output.shape[2]))
    with torch.no_grad():
        assert model(draw_images(1, size=160)).shape == (1, 5)
    assert max(seen) == (160 if name in ("vgg16", "airbench") else 80)


def test_small_images_keep_the_networks_that_they_had() -> None:
    """Below 128 pixels the size changes nothing: not a weight, not its place."""
    for name in ("resnet18(width=4)", "tiny", "mobilenetv2(width=8)", "small_inception(width=24)"):
        one, other = (build_model(name, 3, 10, 0, size) for size in (8, 127))
        assert list(one.state_dict()) == list(other.state_dict())
        assert torch.equal(weights(one), weights(other))


def test_a_model_of_another_package_may_ignore_the_size() -> None:
    """A builder of two arguments is called with two."""
    registry: Registry[ModelBuilder] = Registry("model")
    registry.register(flat)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "MODELS", registry)
        assert build_model("flat", 1, 3, 0, size=224)(torch.zeros(2, 1, 1, 1)).shape == (2, 3)


def flat(channels: int, classes: int) -> nn.Module:
    """One linear layer for images of one pixel."""
    return nn.Sequential(nn.Flatten(), nn.Linear(channels, classes))


_FEATURES = [
    ("resnet18(width=2)", 16),
    ("resnet50(width=2)", 64),
    ("tiny(width=3)", 12),
    ("airbench(width=8)", 32),
    ("vgg16(width=8)", 64),
    ("mobilenetv2(width=8)", 320),
    ("small_inception(width=24)", 84),
]


def test_a_default_of_a_model_of_ones_own_is_not_taken_for_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a third argument called `size` gets the height of the images."""
    given = []

    def mine(channels: int, classes: int, hidden: int = 64) -> nn.Module:
        given.append(hidden)
        return nn.Linear(channels, classes)

    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    MODELS.register(mine)
    build_model("mine", 3, 10, 0, 224)
    assert given == [64]


def test_width_scales_the_features() -> None:
    """The last stage keeps its proportion to the first, whose channels are `width`."""
    for spec, features in _FEATURES:
        model = build_model(spec, channels=1, classes=5, seed=0)
        assert [module.in_features for module in model.modules() if isinstance(module, nn.Linear)] == [
            features
        ]


def test_residual_convolutions_start_at_the_scale_of_he() -> None:
    """ResNet convolutions have the standard deviation √(2 / fan out) that the source derives."""
    model = build_model("resnet18", channels=3, classes=10, seed=0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)


@pytest.mark.parametrize("spec", ["resnet81", "resnet18(depth=34)", "vgg16(depth=8)"])
def test_unknown_model_or_keyword_is_refused(spec: str) -> None:
    """A name or keyword that does not exist is an error, never silently ignored."""
    with pytest.raises(UnknownNameError, match="unknown"):
        build_model(spec, channels=3, classes=10, seed=0)


@pytest.mark.parametrize("spec", ["resnet18(width=0)", "tiny(width=0)", "tiny(width=1.5)"])
def test_width_must_be_a_positive_whole_number(spec: str) -> None:
    """A width no network can have is refused before anything is built."""
    with pytest.raises(SettingError, match="width"):
        build_model(spec, channels=3, classes=10, seed=0)
