"""Every summary that a sheet can answer. Depends on numpy and the ground floor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memest.registry import keyword_parameters
from memest.spec import Spec
from memest.stats import Floats
from memest.summaries.base import (
    SEEN,
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
    """Default summaries, and those with the settings that scores were measured with, clean and seen.

    A sheet with `curvature(step=0.001, probes=5, power=1)` makes `mean_curvature(probes=5)` a candidate.
    """
    tailored = map(str, _tailored(keys))
    names = list(dict.fromkeys(str(SUMMARIES.parse(text)) for text in (*default_summaries(), *tailored)))
    return names + [SEEN + name for name in names]


def _tailored(keys: Iterable[str]) -> Iterator[Spec]:
    measured = [Spec.parse(key) for key in keys if "/" not in key]
    for name in SUMMARIES:
        own = keyword_parameters(SUMMARIES[name])
        for score in measured:
            if any(Spec.parse(need).name == score.name for need in needs_of(name) if "/" not in need):
                shared = tuple((key, value) for key, value in score.keywords if key in own)
                yield Spec(name, shared)
