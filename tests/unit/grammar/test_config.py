"""Configurations: flat settings and back, and what is in a key."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import Any, Literal

import pytest

from memest.data import CORRUPTIONS, SETS
from memest.errors import InputError
from memest.grammar.config import build, digest, flags, flatten, key_settings, one, option
from memest.grammar.values import Count, Positive


@dataclasses.dataclass(frozen=True)
class Inner:
    """Settings nested in others."""

    rate: Positive = option(0.1, "learning rate")
    nesterov: bool = option(False, "momentum of Nesterov")


@dataclasses.dataclass(frozen=True)
class Outer:
    """A configuration of the kind the stages have."""

    data: str = option("digits", "what to train on", read=one(SETS))
    corruption: str = option("none", "damage", read=one(CORRUPTIONS))
    inner: Inner = Inner()
    epochs: Count = option(5, "passes over the data")
    name: str = option("", "for people", key=False)
    device: Literal["auto", "cpu"] = option("auto", "where", key=False)


def test_a_configuration_is_flat_settings_and_back() -> None:
    """Building from the flat settings of a configuration gives it back; text and values read alike."""
    config = build(Outer, {"corruption": "symmetric_noise( rate = .05 )", "rate": "1", "nesterov": "true"})
    assert config == Outer("digits", "symmetric_noise(rate=0.05)", Inner(1.0, True))
    assert build(Outer, flatten(config)) == config
    assert build(Outer, {key: str(value) for key, value in flatten(config).items()}) == config
    assert build(Outer, {}) == Outer()
    assert list(flatten(config)) == list(flags(Outer))
    assert list(flags(Outer)) == ["data", "corruption", "rate", "nesterov", "epochs", "name", "device"]
    assert flags(Outer)["rate"].help == "learning rate"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"epoch": "3"}, "unknown setting 'epoch'; did you mean 'epochs'"),
        ({"inner": "3"}, "unknown setting 'inner'"),
        ({"epochs": "0"}, "--epochs must be a whole number of at least 1, not 0"),
        ({"epochs": "3.0"}, "--epochs must be a whole number"),
        ({"nesterov": "yes"}, "--nesterov must be true or false, not 'yes'"),
        ({"rate": math.nan}, "--rate must be a number above 0, not nan"),
        ({"device": "gpu"}, "--device must be one of auto, cpu, not 'gpu'"),
        ({"name": 3}, "--name must be a word, not 3"),
        ({"data": "digit"}, "unknown dataset 'digit', .*; did you mean 'digits'"),
        ({"corruption": "symmetric_noise(rate=2)"}, r"symmetric_noise\(rate=…\) must be"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(setting: dict[str, Any], words: str) -> None:
    """A flag is checked before anything runs, and named in the message as it is typed."""
    with pytest.raises(InputError, match=words):
        build(Outer, setting)


def test_only_what_decides_the_numbers_is_in_the_key() -> None:
    """The name for people and the device stay out of the key, every other setting is in it."""
    config = build(Outer, {"name": "mine", "device": "cpu"})
    assert set(flatten(config)) - set(key_settings(config)) == {"name", "device"}
    assert key_settings(config) == key_settings(Outer())


def test_a_digest_is_the_hash_of_compact_sorted_json() -> None:
    """Pinned by hand, because stored runs are found by it; key order does not matter, values do."""
    text = '[{"a":1,"b":[true,null,0.5]},"train"]'
    witness = hashlib.sha256(text.encode()).hexdigest()
    assert digest({"b": [True, None, 0.5], "a": 1}, "train") == witness
    assert digest({"a": 1, "b": [True, None, 0.5]}, "train") == witness
    assert digest({"a": 1.0, "b": [True, None, 0.5]}, "train") != witness
