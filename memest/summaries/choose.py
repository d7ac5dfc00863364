"""Every summary that a sheet can answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memest.grammar.registry import keyword_parameters
from memest.grammar.spec import GIVEN, SEEN, Spec, without_seen
from memest.metrics import Floats
from memest.summaries.base import (
    SCALAR,
    SUMMARIES,
    MissingTraceError,
    Traces,
    default_summaries,
    needs_of,
    summarise,
)


def summarise_all(keys: Iterable[str], traces: Traces, *more: Traces) -> dict[str, Floats]:
    """Every summary the measured scores can answer, (N,) float64 by short name, clean ones first.

    Args:
        keys: the scores that were measured, and `scalar/…`.
        traces, more: give the trace of each, of all examples or of stretches of them, as for `summarise`.
    """
    known = set(keys)
    answers = {}
    for text in candidates(known):
        if not known.issuperset(needs_of(text)):
            continue
        try:
            answers[SUMMARIES.parse(text).short()] = summarise(text, traces, *more)
        except MissingTraceError:
            continue
    return answers


def candidates(keys: Iterable[str]) -> list[str]:
    """Default summaries, and those with the settings that scores were measured with: clean ones, seen ones,
    and those against other labels than the given, where scores name such labels.

    A sheet with `curvature(step=0.001, probes=5, power=1)` makes `mean_curvature(probes=5)` a candidate, one
    with `loss(labels=true)` makes `csl(labels=true)` one.
    """
    measured = [Spec.parse(key) for key in sorted(keys) if not key.startswith((SEEN, SCALAR))]
    tailored = map(str, _tailored(measured))
    names = list(dict.fromkeys(str(SUMMARIES.parse(text)) for text in (*default_summaries(), *tailored)))
    others = sorted({score.labels for score in measured} - {GIVEN})
    named = [str(SUMMARIES.parse(name).against(labels)) for labels in others for name in names]
    return [*names, *(SEEN + name for name in names), *named]


def against_others(name: str) -> bool:
    """Whether a summary is of scores measured against other labels than the network was trained on.

    It says something about the measuring, and is no way to find wrong labels.
    """
    return Spec.parse(without_seen(name)).labels != GIVEN


def _tailored(measured: Iterable[Spec]) -> Iterator[Spec]:
    for name in SUMMARIES:
        own = keyword_parameters(SUMMARIES[name])
        for score in measured:
            if any(Spec.parse(need).name == score.name for need in needs_of(name) if "/" not in need):
                shared = tuple((key, value) for key, value in score.keywords if key in own)
                yield Spec(name, shared)
