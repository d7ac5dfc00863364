"""Write reference/names.md: every name that the grammar knows, from the functions themselves.

python docs/make_names.py
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from memest.analysis import ANALYSES
from memest.data import CORRUPTIONS, PROTOCOLS, SETS
from memest.detect import DETECTORS
from memest.export import EXPORTS
from memest.grammar.registry import Registry, keyword_parameters
from memest.loading import AUGMENTATIONS
from memest.models import MODELS
from memest.paper import analyses as analyses
from memest.recipe import SCHEDULES
from memest.references import REFERENCES
from memest.scores import SCORES
from memest.scores.base import KINDS
from memest.summaries import HIGHER, SUMMARIES, direction, needs_of

PAGE = Path(__file__).parent / "reference" / "names.md"
_HEAD = """# Names in the grammar

Everything that can be named on a command line, in YAML or in a plugin: `name`, or `name(setting=value)`. A
setting without a default must be given. Other packages add theirs: see CONTRIBUTING.md. This page is made
by `python docs/make_names.py`.
"""
_HARDER = {True: "higher", False: "lower"}


def page() -> str:
    """The whole page."""
    sections = [
        _section("Scores, of one epoch", "`--scores`", SCORES, _score),
        _section("Summaries, over epochs", "Columns of `sheet/summary.parquet`", SUMMARIES, _summary),
        _section("Detectors", "Of a protocol, in the run that joins its parts", DETECTORS),
        _section("Datasets", "`--data`", SETS),
        _section("Corruptions", "`--corruption`", CORRUPTIONS),
        _section("Protocols", "`--protocol`", PROTOCOLS),
        _section("Networks", "`--model`", MODELS),
        _section("Learning-rate schedules", "`--schedule`", SCHEDULES),
        _section("Augmentations", "`--augmentation`", AUGMENTATIONS),
        _section("Analyses", "`memest analyze --analysis`", ANALYSES),
        _section("References", "`similarity(reference=…)`", REFERENCES),
        _section("Exports", "`memest audit --export`", EXPORTS),
    ]
    return "\n".join([_HEAD, *sections])


def _section(
    title: str, where: str, registry: Registry[Any], facts: Callable[[str], str] = lambda name: ""
) -> str:
    return "\n".join([f"## {title}\n", f"{where}\n", *_entries(registry, facts)])


def _entries(registry: Registry[Any], facts: Callable[[str], str]) -> Iterator[str]:
    for name in registry.own:
        function = registry[name]
        yield f"### `{name}`\n"  # a setting in a heading breaks the site's table of contents
        if (signature := _signature(name, function)) != name:
            yield f"`{signature}`\n"
        yield f"{inspect.cleandoc(function.__doc__ or '').partition(chr(10) + 'Args:')[0].strip()}\n"
        if said := facts(name):
            yield f"*{said}*\n"


def _signature(name: str, function: Callable[..., Any]) -> str:
    settings = [
        key if parameter.default is parameter.empty else f"{key}={_spelled(parameter.default)}"
        for key, parameter in keyword_parameters(function).items()
    ]
    return f"{name}({', '.join(settings)})" if settings else name


def _spelled(value: object) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _score(name: str) -> str:
    kind = KINDS[name]
    made = {"logits": "logits: one forward pass", "input": "input gradients: a backward pass"}[kind.source]
    return f"Unit: {kind.unit}. Harder: {_HARDER[kind.harder == HIGHER]}. From {made}."


def _summary(name: str) -> str:
    reads = ", ".join(f"`{key}`" for key in needs_of(name))
    misleads = SUMMARIES.declaration(name).misleads
    misled = f" When it misleads: {misleads[0].lower()}{misleads[1:-1]}." if misleads else ""
    return f"Harder: {_HARDER[direction(name) == HIGHER]}. Reads: {reads}.{misled}"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
