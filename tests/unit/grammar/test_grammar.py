"""The grammar: specs, registries, the types of settings, configurations and their digests."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
import posixpath
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memest.data import CORRUPTIONS, LABELS, SETS
from memest.errors import InputError, SettingError, UnknownNameError
from memest.grammar.config import build, digest, flags, flatten, key_settings, one, option
from memest.grammar.registry import Registry, keyword_parameters
from memest.grammar.spec import Spec, split_list
from memest.grammar.values import Count, Index, NonNegative, Positive, PositiveShare, Share, accepted, check
from memest.loading import AUGMENTATIONS
from memest.models import MODELS
from memest.scores import SCORES
from memest.summaries import SUMMARIES
from memest.train import EPOCHS, SCHEDULES

thorough = settings(max_examples=150, deadline=None, derandomize=True, database=None)

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
tricky = st.sampled_from(
    ["true", "True", "none", "None", "inf", "nan", "3", "-3", "1e5", "", " ", "it's", 'say "x"', "'\"", "a,b",
     "f(x)", "[", ")", "\\", "x=1", "a-b", "a\nb", "/a/b.npz", "C:\\x\\", "ü", "#", "{", "é.npz"]
)  # fmt: skip
scalars = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    tricky,
)
values = scalars | st.lists(scalars, max_size=3) | st.tuples(scalars, scalars)
specs = st.builds(
    lambda name, keywords: Spec(name, tuple(keywords.items())),
    names,
    st.dictionaries(names, values, max_size=4),
)

PROBES: Registry[Callable[..., dict[str, Any]]] = Registry("probe")


@PROBES.register
def probe(
    *,
    step: Positive = 0.001,
    shift: float = 0.0,
    count: int = 10,
    flip: bool = False,
    tau: float | None = None,
    norm: Literal[1, 2] = 2,
    mode: Literal["mean", "sum"] = "mean",
) -> dict[str, Any]:
    """One keyword of every kind of setting that a score or a summary has."""
    return {
        "step": step,
        "shift": shift,
        "count": count,
        "flip": flip,
        "tau": tau,
        "norm": norm,
        "mode": mode,
    }


@PROBES.register
def shares(*, rate: Share, path: str = "here") -> tuple[float, str]:
    """A keyword that must be given."""
    return rate, path


finite = st.floats(allow_nan=False, allow_infinity=False)
probe_settings = st.fixed_dictionaries(
    {},
    optional={
        "step": finite.filter(lambda x: x > 0),
        "shift": finite,
        "count": st.integers(-20, 20),
        "flip": st.booleans(),
        "tau": st.none() | finite,
        "norm": st.sampled_from([1, 2]),
        "mode": st.sampled_from(["mean", "sum"]),
    },
)


def probe_spec(chosen: dict[str, Any]) -> Spec:
    """The canonical spec of `probe` with these keywords."""
    return PROBES.parse(Spec("probe", tuple(chosen.items())))


def typed(value: Any) -> Any:
    """A value with its types, so that 1, 1.0 and True differ."""
    if isinstance(value, list | tuple):
        return type(value), [typed(part) for part in value]
    return type(value), repr(value)


@thorough
@given(specs)
@example(Spec("f", (("a", "None"),)))
@example(Spec("f", (("a", 'it\'s "so"'),)))
@example(Spec("f", (("a", "C:\\"), ("b", -0.0))))
def test_parsing_the_text_of_a_spec_gives_it_back(spec: Spec) -> None:
    """Whatever a keyword holds, `str(spec)` parses to the same spec, value types included."""
    again = Spec.parse(str(spec))
    assert again == spec
    assert typed(list(again.keywords)) == typed(list(spec.keywords))


@thorough
@given(st.from_regex(r"(/|\.\./|[a-z0-9]+/)[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\.npz", fullmatch=True))
def test_a_bare_path_is_text(path: str) -> None:
    """A path needs no quotes on a command line."""
    assert Spec.parse(f"npz(path={path})").settings == {"path": path}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3", -3),
        ("+1e-3", 0.001),
        ("1_000", 1000),
        ("true", True),
        ("True", True),
        ("none", None),
        ("None", None),
        ("resnet18", "resnet18"),
        ("'a, b)'", "a, b)"),
        ('"it\'s"', "it's"),
        (r"'it\'s'", "it's"),
        ("[1, (2, 3)]", [1, (2, 3)]),
        ("2024-10", "2024-10"),
        ("{[]: 1}", "{[]: 1}"),
        pytest.param("-" * 5000 + "1", "-" * 5000 + "1", id="too deep"),
    ],
)
def test_a_value_is_a_literal_or_else_text(text: str, value: Any) -> None:
    """Literals get their Python type; everything that is not one stays text, however odd."""
    assert typed(Spec.parse(f" f ( a = {text} ) ").settings["a"]) == typed(value)


NO_SPECS = [
    "", "1f", "f g", "a.b(c=1)", "f(", "f)", "f(a=1))", "f(a=1)x", "f(a=[1)", "f(a='x)", "f(a)", "f(1)",
    "f(*a)", "f(**a)", "f(a=)", "f(=1)", "f(a=1,)", "f(,)", "f(a=1,,b=2)", "f(a=1, a=2)",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_SPECS)
def test_text_that_is_no_spec_is_refused(text: str) -> None:
    """Anything but a name with keywords in parentheses is refused."""
    with pytest.raises(SettingError):
        Spec.parse(text)


@thorough
@given(st.text(alphabet=string.printable, max_size=40))
def test_parsing_any_text_gives_a_spec_or_a_setting_error(text: str) -> None:
    """No text makes the parser fail in any other way than by refusing it."""
    try:
        spec = Spec.parse(text)
    except SettingError:
        return
    if "inf" not in str(spec) and "nan" not in str(spec):
        assert str(Spec.parse(str(spec))) == str(spec)


def test_commas_within_brackets_and_quotes_do_not_separate() -> None:
    """A list of specs is split at its outer commas only."""
    assert split_list("loss, curvature(probes=5, step=1e-3), npz(path='a, b')") == [
        "loss",
        "curvature(probes=5, step=1e-3)",
        "npz(path='a, b')",
    ]
    assert split_list("  ") == []


@thorough
@given(probe_settings)
def test_the_canonical_and_the_short_text_name_the_same_spec(chosen: dict[str, Any]) -> None:
    """Both spellings parse to the same canonical spec, which holds every keyword in declared order."""
    spec = probe_spec(chosen)
    assert [key for key, _ in spec.keywords] == list(keyword_parameters(probe))
    for text in (str(spec), spec.short()):
        assert PROBES.parse(text) == spec
        assert str(PROBES.parse(text)) == str(spec)
    assert PROBES.call(spec) == PROBES["probe"](**chosen)


@thorough
@given(probe_settings, probe_settings)
@example({"count": 3}, {"count": -3})
@example({"tau": 1e20}, {"tau": 1e-20})
@example({"step": 0.1234567}, {"step": 0.12345671})
@example({"shift": 0.0}, {"shift": -0.0})
def test_slugs_differ_as_the_specs_do(one_way: dict[str, Any], other_way: dict[str, Any]) -> None:
    """Two specs share a slug only if they are the same spec: a metric never mixes two quantities."""
    first, second = probe_spec(one_way), probe_spec(other_way)
    assert (first.slug() == second.slug()) == (first == second)
    assert (str(first) == str(second)) == (first == second)


@thorough
@given(specs)
def test_a_slug_holds_only_what_mlflow_keys_allow(spec: Spec) -> None:
    """Letters, digits and `_ - . space : /`, whatever the settings hold."""
    assert re.fullmatch(r"[A-Za-z0-9_\-. :/]+", spec.slug())


def test_a_slug_is_the_name_and_what_is_unusual() -> None:
    """`curvature.probes-5`, and the bare name where every keyword is at its default; each a plain key."""
    assert SCORES.parse("curvature(step=0.001, probes=5)").slug() == "curvature.probes-5"
    assert SCORES.parse("curvature(probes=10)").slug() == "curvature"
    assert PROBES.parse("probe(tau=2.5, flip=true, mode=sum)").slug() == "probe.flip-true.tau-2.5.mode-sum"
    assert posixpath.normpath(PROBES.parse("probe(shift=-1e-9)").slug()) == "probe.shift--1e-09"


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
    with pytest.raises(ValueError, match=r"thing 'thing' is already registered by .*test_grammar"):
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


def test_text_is_never_run(tmp_path: Path) -> None:
    """A call in place of a value is text, and so of the wrong type; it is not executed."""
    witness = tmp_path / "ran"
    for attack in (
        f"__import__('os').system('touch {witness}')",
        f"__import__('pathlib').Path('{witness}').touch()",
        f"[open('{witness}', 'w')]",
        f"(lambda: open('{witness}', 'w'))()",
    ):
        with pytest.raises(SettingError, match="must be a number"):
            CORRUPTIONS.parse(f"symmetric_noise(rate={attack})")
    assert not witness.exists()


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
        ({"data": "digit"}, "unknown dataset 'digit'; did you mean 'digits'"),
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
