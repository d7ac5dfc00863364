"""Registries, and what the keywords of their entries accept."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from probe_specs import PROBES

from memest.data import CORRUPTIONS, LABELS, SETS
from memest.errors import SettingError, UnknownNameError
from memest.grammar.registry import Registry, keyword_parameters
from memest.grammar.spec import Spec
from memest.grammar.values import Count, Index, NonNegative, Positive, PositiveShare, Share, accepted, check
from memest.loading import AUGMENTATIONS
from memest.models import MODELS
from memest.scores import SCORES
from memest.summaries import SUMMARIES
from memest.training import EPOCHS, SCHEDULES

REGISTRIES: list[Registry[Any]] = [
    SETS, CORRUPTIONS, LABELS, AUGMENTATIONS, MODELS, SCORES, SUMMARIES, SCHEDULES, EPOCHS, PROBES
]  # fmt: skip


ENTRIES = [pytest.param(r, name, id=f"{r.noun}-{name}") for r in REGISTRIES for name in r]


@pytest.mark.parametrize(("registry", "name"), ENTRIES)
def test_every_entry_has_a_canonical_text(registry: Registry[Any], name: str) -> None:
    """Every registered name parses from its canonical and its short text, and documents itself."""
    needed = {"rate": 0.5, "path": "a.npz", "k": 2, "corruption": "none"}
    required = [
        k for k, p in keyword_parameters(registry[name]).items() if p.default is inspect.Parameter.empty
    ]
    spec = registry.parse(Spec(name, tuple((key, needed[key]) for key in required)))
    assert registry.parse(str(spec)) == spec == registry.parse(spec.short())
    assert re.fullmatch(r"[A-Za-z0-9_\-. :/]+", spec.slug())
    assert inspect.getdoc(registry[name])


def test_an_unknown_name_gets_the_nearest_and_all_known() -> None:
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(UnknownNameError, match=r"did you mean 'symmetric_noise'\? \(known: class_noise, "):
        CORRUPTIONS.parse("symetric_noise(rate=0.1)")
    with pytest.raises(
        UnknownNameError, match=r"keyword of corruption symmetric_noise 'rat'; did you mean 'rate'"
    ):
        CORRUPTIONS.parse("symmetric_noise(rat=0.1)")
    with pytest.raises(UnknownNameError, match=r"'xyzzy' \(known: probe, shares\)"):
        PROBES["xyzzy"]
    with pytest.raises(UnknownNameError, match="keyword"):
        CORRUPTIONS.parse("none(rate=0.1)")


def test_a_name_taken_twice_is_an_error() -> None:
    """A second function of the same name does not replace the first in silence."""
    registry: Registry[Callable[..., int]] = Registry("thing")

    def thing() -> int:
        return 1

    first = registry.register(thing)
    with pytest.raises(ValueError, match=r"thing 'thing' is already registered by .*test_registry"):
        registry.register(lambda_named("thing"))
    assert registry["thing"] is first
    assert list(registry) == ["thing"]
    assert "thing" in registry and "other" not in registry


def lambda_named(name: str) -> Callable[..., int]:
    """Another function of this name."""

    def other() -> int:
        return 2

    other.__name__ = name
    return other


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shares", "shares needs rate="),
        ("shares(rate=1.5)", r"shares\(rate=…\) must be a number in \[0, 1\], not 1.5"),
        ("shares(rate=-0.1)", r"in \[0, 1\]"),
        ("shares(rate=abc)", "not 'abc'"),
        ("shares(rate='0.5')", "not '0.5'"),
        ("shares(rate=true)", "not True"),
        ("shares(rate=none)", "not None"),
        ("shares(rate=nan)", "not 'nan'"),
        ("shares(rate=1e999)", "not inf"),
        ("shares(rate=-1e999)", "not -inf"),
        ("shares(rate=[0.1])", r"not \[0.1\]"),
        ("shares(rate=0.1, path=3)", "must be a word, not 3"),
        ("probe(count=1.0)", "must be a whole number, not 1.0"),
        ("probe(step=0)", "must be a number above 0, not 0"),
        ("probe(step=1e999)", "must be a number above 0, not inf"),
        ("probe(flip=1)", "must be true or false, not 1"),
        ("probe(norm=3)", "must be one of 1, 2, not 3"),
        ("probe(norm=true)", "must be one of 1, 2, not True"),
        ("probe(norm=2.0)", "must be one of 1, 2, not 2.0"),
        ("probe(mode=median)", "must be one of mean, sum, not 'median'"),
        ("probe(tau=x)", "must be a number or None, not 'x'"),
    ],
)
def test_a_keyword_that_does_not_fit_is_refused(text: str, words: str) -> None:
    """The message says what was expected and what came."""
    with pytest.raises(SettingError, match=words):
        PROBES.parse(text)


@pytest.mark.parametrize("kind", [Share, PositiveShare, Positive, NonNegative, float, float | None])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, pytest.param(10**400, id="beyond")])
def test_a_number_is_finite(kind: Any, value: float) -> None:
    """NaN and infinities are no settings, wherever they come from: they have no canonical text."""
    with pytest.raises(SettingError):
        check(value, kind, "x")


def test_ranges_are_closed_unless_they_say_above() -> None:
    """Both ends belong to a share; zero is no positive number; a count starts at one, an index at zero."""
    assert [check(v, Share, "x") for v in (0, 1, 0.5)] == [0.0, 1.0, 0.5]
    assert type(check(1, Share, "x")) is float
    assert (check(1, Count, "x"), check(0, Index, "x"), check(0, NonNegative, "x")) == (1, 0, 0.0)
    for value, kind in [(0, PositiveShare), (0, Count), (-1, Index), (-1e-9, NonNegative), (0, Positive)]:
        with pytest.raises(SettingError):
            check(value, kind, "x")
    assert accepted(PositiveShare) == "a number in (0, 1]"
    assert accepted(Count) == "a whole number of at least 1"
    assert accepted(Positive | None) == "a number above 0 or None"
