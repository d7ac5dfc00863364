"""What a search varies: a distribution for each setting, or text that others are filled into.

    lr=log(0.01, 0.3), epochs=int(5, 50), scores="logits, curvature(probes={probes})", probes=int(1, 10)

on the command line, or the same in a YAML file, one `name: value` a line. A name is that of a setting, or
of a part that some text holds as `{name}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memest.errors import SettingError, UnknownNameError
from memest.grammar.registry import keyword_parameters
from memest.grammar.spec import Spec, literal, split_list
from memest.grammar.strict_yaml import read_yaml
from memest.tune.distributions import DISTRIBUTIONS, Trial

_ENTRY = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*[=:]\s*(?P<value>.*\S)\s*", re.DOTALL)
_CALL = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*\((?P<inside>.*)\)\s*", re.DOTALL)
_KEYWORD = re.compile(r"\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>.*\S)\s*", re.DOTALL)
_PART = re.compile(r"\{(\w+)\}")


def space_text(text: str) -> str:
    """A space in its canonical spelling; a name that ends in .yaml or .yml is a file to read it from.

    Raises:
        InputError: it cannot be read, or is not a space.
    """
    return str(Space.parse(text)) if text.strip() else ""


@dataclass(frozen=True)
class Space:
    """What is varied.

    Attributes:
        drawn: by name, the distribution it is drawn from.
        filled: by setting, the text that what was drawn is filled into.
    """

    drawn: Mapping[str, Spec]
    filled: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Space:
        """The space that `text` spells, or the YAML file of that name.

        Raises:
            InputError: an entry is no `name=value`, its distribution is unknown or has no such range.
        """
        entries = read_yaml(Path(text), "space file") if text.endswith((".yaml", ".yml")) else _line(text)
        read = {str(name): _entry(str(name), value) for name, value in entries.items()}
        space = cls(
            {name: value for name, value in read.items() if isinstance(value, Spec)},
            {name: value for name, value in read.items() if isinstance(value, str)},
        )
        for _, part in space._parts():
            if part not in space.drawn:
                raise UnknownNameError("part in braces", part, space.drawn or ["none"])
        return space

    def __str__(self) -> str:
        texts = {name: repr(text) for name, text in self.filled.items()}
        return ", ".join(f"{name}={value}" for name, value in [*self.drawn.items(), *texts.items()])

    def require(self, known: Collection[str]) -> None:
        """Refuse names that are neither settings nor parts of a text, and a space that draws nothing.

        Raises:
            InputError: a setting that is not `known`, the nearest of which is named, or nothing to draw.
        """
        if not self.drawn:
            raise SettingError(
                "--space is empty; say what to vary, such as 'lr=log(0.01, 0.3), epochs=int(5, 50)', or "
                "name a YAML file"
            )
        parts = {part for _, part in self._parts()}
        for name in [*self.drawn, *self.filled]:
            if name not in known and (name in self.filled or name not in parts):
                raise UnknownNameError("setting in --space", name, known)

    def draw(self, trial: Trial) -> dict[str, Any]:
        """A value for each name that is drawn, chosen by Optuna."""
        return {name: DISTRIBUTIONS.call(spec, trial, name) for name, spec in self.drawn.items()}

    def settings(self, values: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
        """The settings that drawn values make: texts filled in, parts that are no settings left out."""
        every = {**values, **self.filled}
        return {name: fill(value, values) for name, value in every.items() if name in known}

    def corners(self) -> Iterator[dict[str, Any]]:
        """Drawn values at the ends of every range, one at a time, for checks before anything is done."""
        ends = {name: _ends(spec) for name, spec in self.drawn.items()}
        first = {name: values[0] for name, values in ends.items()}
        for name, values in ends.items():
            yield from ({**first, name: value} for value in values)

    def _parts(self) -> Iterator[tuple[str, str]]:
        """Every text with `{part}` in it, and the part."""
        choices = [option for spec in self.drawn.values() for option in _ends(spec)]
        for text in [*self.filled.values(), *(option for option in choices if isinstance(option, str))]:
            yield from ((text, part) for part in _PART.findall(text))


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Text with what was drawn in place of `{name}`; what is no text stays.

    Raises:
        UnknownNameError: nothing of that name is drawn.
    """
    if not isinstance(value, str):
        return value

    def part(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise UnknownNameError("part in braces", match[1], values)
        return str(values[match[1]])

    return _PART.sub(part, value)


def _ends(spec: Spec) -> tuple[Any, ...]:
    settings = spec.settings
    return tuple(settings["options"]) if "options" in settings else (settings["low"], settings["high"])


def _line(text: str) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for part in split_list(text):
        match = _ENTRY.fullmatch(part)
        if match is None:
            raise SettingError(
                f"--space takes name=distribution, …, or a file that ends in .yaml, not {part!r}"
            )
        if match["name"] in entries:
            raise SettingError(f"--space names {match['name']} twice")
        entries[match["name"]] = literal(match["value"])
    return entries


def _entry(name: str, value: Any) -> Spec | str:
    """A distribution, or text that others are filled into."""
    if isinstance(value, list | tuple):
        return _checked(name, Spec("one_of", (("options", tuple(value)),)))
    if isinstance(value, str):
        match = _CALL.fullmatch(value)
        if match and match["name"] in DISTRIBUTIONS:
            return _checked(name, _named(match["name"], match["inside"]))
        if _PART.search(value):
            return value
        if match:
            raise UnknownNameError(f"distribution of {name}", match["name"], DISTRIBUTIONS)
    raise SettingError(
        f"--space: {name} has one value, {value!r}; give it as --{name.replace('_', '-')}, or say how it "
        f"varies ({', '.join(DISTRIBUTIONS)})"
    )


def _named(name: str, inside: str) -> Spec:
    """`log(0.01, 0.3)` as the grammar has it, `log(low=0.01, high=0.3)`."""
    keywords = list(keyword_parameters(DISTRIBUTIONS[name]))
    pairs: list[tuple[str, Any]] = []
    bare: list[Any] = []
    for part in split_list(inside):
        match = _KEYWORD.fullmatch(part)
        if match and (keywords != ["options"] or match["key"] == "options"):
            pairs.append((match["key"], literal(match["value"])))
        else:
            bare.append(literal(part))
    if keywords == ["options"]:
        return Spec(name, tuple(pairs or [("options", tuple(bare))]))
    if len(bare) + len(pairs) > len(keywords):
        raise SettingError(f"{name}({inside}) has too many values; it takes {', '.join(keywords)}")
    return Spec(name, (*zip(keywords, bare, strict=False), *pairs))


def _checked(name: str, given: Spec) -> Spec:
    spec = DISTRIBUTIONS.parse(given)
    ends = _ends(spec)
    if spec.name == "one_of":
        allowed = all(isinstance(end, str | int | float | None) for end in ends)
        if not ends or not allowed:
            raise SettingError(f"{name}: one_of takes numbers, words, true, false or none, not {ends}")
    elif ends[0] > ends[1]:
        raise SettingError(f"{name}: {spec} has its lower end above its upper end")
    return spec
