"""Specs: text and back, short, canonical, as a key; never executed."""

from __future__ import annotations

import posixpath
import re
import string
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from probe_specs import PROBES

from memest.data import CORRUPTIONS
from memest.errors import SettingError
from memest.grammar.registry import keyword_parameters
from memest.grammar.spec import Spec, split_list
from memest.grammar.values import Positive
from memest.scores import SCORES

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
