"""Summaries from the traces of a sheet: all that a run stores, or one that it did not."""

from __future__ import annotations

from functools import partial

from memest.errors import InputError
from memest.metrics import Floats
from memest.store import SheetReader
from memest.summaries import Trace, Traces, needs_of, summarise


def stretches_of(sheet: SheetReader) -> list[Traces]:
    """The traces of a sheet by key, one stretch of its examples after another, as `summarise` takes them."""
    return [partial(_trace, sheet, examples) for examples in sheet.stretches()]


def computable(sheet: SheetReader, name: str) -> bool:
    """Whether a summary is called so, and the sheet has the scores that it needs."""
    try:
        return set(needs_of(name)) <= sheet.measured.keys()
    except InputError:
        return False


def computed(sheet: SheetReader, name: str) -> Floats:
    """The values of a summary that is `computable`, (N,).

    A finished run has its summaries in a table; this is for one that is newer than the run, or at other
    settings, such as `csl(start=5)`.

    Raises:
        MissingTraceError: its scores were not measured at an epoch that it needs.
    """
    return summarise(name, *stretches_of(sheet))


def _trace(sheet: SheetReader, examples: slice, key: str) -> Trace:
    return Trace(*sheet.trace(key, examples))
