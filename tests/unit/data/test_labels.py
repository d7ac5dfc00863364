"""Labels by name: other labels are measured against only where a key says so, and then exactly."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from memest.data import ImageSet, corrupt, draw_labels, label_name, load_images
from memest.errors import InputError, SettingError, UnknownNameError
from memest.grammar.config import build
from memest.grammar.spec import Spec
from memest.loading import Loader
from memest.models import build_model
from memest.runs.config import TrainConfig
from memest.scores import KINDS, SCORES, OnlineScores, ScoreSet, canonical, measure, score_list
from memest.scores.engine.scorer import micro_batch_size
from memest.seeding import Streams
from memest.stages import train
from memest.summaries import SUMMARIES, Trace, against_others, needs_of, summarise, summarise_all

CPU = torch.device("cpu")
LABELLED = [key for key in SCORES if KINDS[key].labelled]
FOREIGN = "foreign(corruption='symmetric_noise(rate=0.05)', seed=3)"


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Real images whose ids are not their positions."""
    whole = load_images("digits").train
    return whole.take(np.random.default_rng(0).permutation(len(whole))[:90])


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Untrained: it has no opinion, but its scores depend on the labels all the same."""
    return build_model("tiny", 1, 10, 0)


def measured(network: nn.Module, images: ImageSet, scores: str, size: int = 32, **others: Any) -> Any:
    """All scores of a pass over the images."""
    loader = Loader(images, images.statistics(), CPU)
    return measure(network, loader.batches(size), images.ids, ScoreSet(scores), CPU, others=others)


# ---------------------------------------------------------------- what a key says


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("loss(labels=given)", "loss"),
        ("loss(labels=true)", "loss(labels=true)"),
        ("loss(labels='true')", "loss(labels=true)"),
        ("loss( labels = released )", "loss(labels=released)"),
        ("loss(labels=released(seed=1))", "loss(labels='released(seed=1)')"),
        ("input_gradient(labels=true, norm=1)", "input_gradient(norm=1, labels=true)"),
        (f"loss(labels={FOREIGN})", f'loss(labels="{FOREIGN}")'),
        ("seen/loss(labels=true)", "seen/loss(labels=true)"),
    ],
)
def test_a_key_names_its_labels_and_the_given_change_none(text: str, key: str) -> None:
    """However spelled, one canonical key, which parses to itself; without other labels it is as ever."""
    assert canonical(text) == key
    assert canonical(key) == key


def test_slugs_tell_labels_apart() -> None:
    """MLflow's keys hold the labels' name, in the characters they allow."""
    labels = ["given", "true", "released", "released(seed=1)", FOREIGN]
    slugs = [SUMMARIES.parse(Spec("csl").against(name)).slug() for name in labels]
    assert slugs[:4] == ["csl", "csl.labels-true", "csl.labels-released", "csl.labels-released-seed-1"]
    assert len(set(slugs)) == len(slugs)


@pytest.mark.parametrize("value", ["false", "none", "3", "[1]", "''"])
def test_what_is_no_name_of_labels_is_refused(value: str) -> None:
    """A set of labels is a name with keywords."""
    with pytest.raises(SettingError):
        ScoreSet(f"loss(labels={value})")


@pytest.mark.parametrize("name", [name for name in SCORES if name not in LABELLED])
def test_a_score_without_labels_cannot_be_against_others(name: str) -> None:
    """`peak` and `entropy` are the same whatever the labels: two keys for one number are refused."""
    with pytest.raises(SettingError, match="whatever the labels"):
        ScoreSet(f"{name}(labels=true)")


def test_logits_against_other_labels_are_those_that_have_any() -> None:
    """`logits(labels=true)` stands for every score from logits that depends on labels."""
    wanted = [f"{name}(labels=true)" for name in LABELLED if KINDS[name].source == "logits"]
    assert ScoreSet("logits(labels=true)").keys == wanted
    assert ScoreSet("logits(labels=true)").labels == ["true"]
    assert ScoreSet("logits").labels == []


def test_unknown_labels_are_refused_before_anything_runs() -> None:
    """The nearest name is offered; a list of scores gets the short canonical name of each."""
    with pytest.raises(UnknownNameError, match="did you mean 'released'"):
        score_list("loss(labels=relased)", label_name)
    text = "loss(labels=released(seed=0)), loss(labels=released), loss(labels=released(rate=0.01, seed=1))"
    assert score_list(text, label_name) == "loss(labels=released), loss(labels='released(seed=1)')"


# ---------------------------------------------------------------- what is measured


@pytest.mark.parametrize("name", LABELLED)
def test_other_labels_give_what_a_set_with_these_labels_gives(
    network: nn.Module, images: ImageSet, name: str
) -> None:
    """Each score against other labels is that of the same images under those labels, found by id."""
    others = (images.labels + np.arange(len(images)) % 3) % 10
    came = measured(network, images, f"{name}, {name}(labels=true)", size=7, true=others)
    alone = measured(network, replace(images, labels=others), name, size=7)
    key = canonical(name)
    named = canonical(f"{name}(labels=true)")
    np.testing.assert_array_equal(came[named], alone[key])
    same = others == images.labels
    np.testing.assert_array_equal(came[named][same], came[key][same])
    assert (came[named][~same] != came[key][~same]).any()


class Counted(nn.Module):
    """A network that counts its passes; it looks at its input, so it is used as it is and not traced."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.passes = network, 0

    def forward(self, images: Tensor) -> Tensor:
        """The network's own."""
        if images.isfinite().all():
            self.passes += 1
        logits: Tensor = self.network(images)
        return logits


def test_one_forward_pass_serves_all_labels(network: nn.Module, images: ImageSet) -> None:
    """Three sets of labels cost as many passes as one."""
    counts = []
    for scores in ("logits", "logits, logits(labels=true), logits(labels=released)"):
        counted = Counted(network)
        measured(counted, images, scores, true=images.labels, released=images.labels)
        counts.append(counted.passes)
    assert counts[0] == counts[1] == -(-len(images) // micro_batch_size(CPU))


def test_labels_that_are_not_there_are_refused(network: nn.Module, images: ImageSet) -> None:
    """The message says which were asked for and which there are."""
    with pytest.raises(SettingError, match=r"labels=released, .*there are: given, true"):
        measured(network, images, "loss(labels=released)", true=images.labels)
    with pytest.raises(SettingError, match="one for each example"):
        measured(network, images, "loss(labels=true)", true=images.labels[1:])


def test_a_training_loop_has_the_given_labels_only(images: ImageSet) -> None:
    """A recorder sees the labels that are trained on, and refuses to be told otherwise."""
    with pytest.raises(SettingError, match="labels trained on"):
        OnlineScores(images.ids, "loss, loss(labels=true)")


# ---------------------------------------------------------------- which labels


def test_the_released_draw_is_spelled_out(images: ImageSet) -> None:
    """Python's generator: ⌊rate·N⌋ positions by `sample`, then a `choice` of the other classes for each."""
    for text, rate, seed in (("released", 0.01, 0), ("released(rate=0.29, seed=4)", 0.29, 4)):
        big = replace(images, **whole(images, 100))
        r, expected = random.Random(seed), big.labels.copy()
        for place in r.sample(range(100), round(100 * rate)):
            expected[place] = r.choice([k for k in range(10) if k != expected[place]])
        np.testing.assert_array_equal(draw_labels(text, big), expected)
    with pytest.raises(SettingError, match="would change 0 of 90"):
        draw_labels("released", images)


def whole(images: ImageSet, count: int) -> dict[str, Any]:
    """Arrays of `count` examples made from those there are."""
    again = np.arange(count) % len(images)
    return {"images": images.images[again], "labels": images.labels[again], "ids": np.arange(count)}


def test_a_foreign_draw_of_the_runs_own_seed_is_the_given_labels(images: ImageSet) -> None:
    """The same corruption and seed give what a run was trained on; another seed gives something else."""
    given = corrupt(images, "symmetric_noise(rate=0.05)", Streams(3))[0].labels
    np.testing.assert_array_equal(draw_labels(FOREIGN, images), given)
    assert (draw_labels(FOREIGN.replace("3", "4"), images) != given).any()
    np.testing.assert_array_equal(draw_labels("true", images), images.labels)


# ---------------------------------------------------------------- summaries


def test_a_summary_against_other_labels_reads_scores_against_them() -> None:
    """The labels go into every need but per-epoch scalars, and the value is that of these traces."""
    assert needs_of("csl(labels=true)") == ("loss(labels=true)",)
    assert needs_of("sgal(labels=true)") == ("loss(labels=true)", "scalar/weight_norm")
    assert needs_of("csg(labels=true)") == ("input_gradient(norm=2, labels=true)",)
    traces = {"loss(labels=true)": Trace(np.arange(3), np.array([[9.0, 9.0], [1.0, 2.0], [3.0, 4.0]]))}
    np.testing.assert_array_equal(summarise("csl(labels=true)", traces.__getitem__), [4.0, 6.0])


def test_a_sheet_answers_summaries_against_every_set_of_labels() -> None:
    """They come last, under keys that say so, and only for scores that were measured so."""
    keys = ["loss", "seen/loss", "loss(labels=true)", "loss(labels=\"human(path='a/b.npz')\")"]
    traces = {key: Trace(np.arange(3), np.full((3, 2), n)) for n, key in enumerate(keys)}
    found = summarise_all(keys, traces.__getitem__)
    assert found["csl(labels=true)"].tolist() == [4.0, 4.0]
    assert found["csl(labels=\"human(path='a/b.npz')\")"].tolist() == [6.0, 6.0]
    assert [against_others(name) for name in found] == sorted(against_others(name) for name in found)
    assert not any("labels" in name for name in found if name.startswith("seen/"))


# ---------------------------------------------------------------- stages


def training(**settings: Any) -> TrainConfig:
    """A short run on part of the digits."""
    short = {"corruption": "symmetric_noise(rate=0.05)", "epochs": 2, "limit": 300, "checkpoints": "all"}
    return build(TrainConfig, short | settings)


def test_labels_that_cannot_be_drawn_are_refused_before_a_run_is_made() -> None:
    """A corruption that does not exist, or a rate that flips nothing, and not one file is written."""
    for labels in ("foreign(corruption=symetric_noise(rate=0.1))", "released(rate=0.001)", "foreign"):
        with pytest.raises(InputError):
            train.train(training(scores=f"loss(labels={labels})", tracking="off"))
    assert list(Path.cwd().iterdir()) == []
