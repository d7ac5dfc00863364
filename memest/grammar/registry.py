"""Names that specs can use: one decorated function each, its keyword-only parameters its settings.

    CORRUPTIONS: Registry[Corruption] = Registry("corruption")

    @CORRUPTIONS.register
    def symmetric_noise(images, rng, *, rate: Share): ...

    CORRUPTIONS.parse("symmetric_noise(rate=0.05)")          # checked, defaults filled in
    CORRUPTIONS.call("symmetric_noise(rate=0.05)", images, rng)

Adding a thing to memest is one such function; nothing else has to be touched. Other packages add theirs
through entry points, see `plugins`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any, Generic, TypeVar, get_type_hints

from memest.errors import PluginError, SettingError, UnknownNameError
from memest.grammar.plugins import bring, described, plugins
from memest.grammar.spec import GIVEN, Spec
from memest.grammar.values import check

F = TypeVar("F", bound=Callable[..., Any])


class Registry(Generic[F]):
    """Functions by name, for one noun (`dataset`, `score`, …).

    Args:
        noun: for messages.
        group: of the entry points through which other packages add theirs; empty: they cannot.
    """

    def __init__(self, noun: str, group: str = "") -> None:
        self.noun, self.group = noun, group
        self._entries: dict[str, F] = {}

    def register(self, function: F) -> F:
        """Add `function` under its own name.

        Raises:
            ValueError: the name is taken.
        """
        name = function.__name__
        if name in self._entries:
            raise ValueError(
                f"{self.noun} {name!r} is already registered by {self._entries[name].__module__}"
            )
        self._entries[name] = function
        return function

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._entries, *plugins(self.group)}))

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in plugins(self.group)

    @property
    def own(self) -> list[str]:
        """The names that memest itself brings, sorted; the same whatever else is installed."""
        return sorted(name for name, entry in self._entries.items() if _is_own(entry))

    def short(self, text: str) -> str:
        """A spec as people read it: without the keywords at their defaults.

        Raises:
            InputError: see `parse`.
        """
        return self.parse(text).short()

    def __getitem__(self, name: str) -> F:
        """The function registered as `name`.

        Raises:
            UnknownNameError: no such name; the message lists the known ones and the nearest.
            PluginError: another package brings it, and it cannot be used.
        """
        if (point := plugins(self.group).get(name)) is not None:
            self._bring(point)
        if name not in self._entries:
            raise UnknownNameError(self.noun, name, self)
        return self._entries[name]

    def _bring(self, point: EntryPoint) -> None:
        name = point.name
        if name not in self._entries:
            bring(point)
        if name not in self._entries:
            raise PluginError(
                f"{described(point)}, which registers no {self.noun} of that name; mend or uninstall it"
            )
        if _is_own(self._entries[name]):
            raise PluginError(f"{described(point)}, a name that memest itself has; uninstall that package")

    def parse(self, text: str | Spec) -> Spec:
        """The canonical spec: name known, keywords checked, defaults filled in, in declared order.

        Raises:
            UnknownNameError: no such name.
            SettingError: a keyword is unknown, missing, of the wrong type or out of range.
        """
        given = Spec.parse(text) if isinstance(text, str) else text
        function = self[given.name]
        parameters = keyword_parameters(function)
        for key in given.settings:
            if key not in parameters:
                raise UnknownNameError(f"keyword of {self.noun} {given.name}", key, parameters or ["none"])
        hints = annotations_of(function)
        defaults = {
            key: parameter.default
            for key, parameter in parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }
        settings = defaults | given.settings
        for key in parameters:
            if key not in settings:
                raise SettingError(f"{self.noun} {given.name} needs {key}=…, as in {given.name}({key}=…)")
        checked = tuple(
            (key, check(settings[key], hints[key], f"{given.name}({key}=…)")) for key in parameters
        )
        return Spec(given.name, checked, tuple(defaults.items()))

    def call(self, text: str | Spec, *arguments: Any) -> Any:
        """Call what `text` names with `arguments` and its settings."""
        spec = self.parse(text)
        return self[spec.name](*arguments, **spec.settings)


class LabelledRegistry(Registry[F]):
    """Functions whose specs may also name the labels they are measured against: `loss(labels=true)`.

    The functions do not take that keyword: the caller resolves the name, and passes the labels themselves.
    """

    def parse(self, text: str | Spec) -> Spec:
        """The canonical spec, as `Registry.parse` gives it; labels, unless given, are its last keyword."""
        given = Spec.parse(text) if isinstance(text, str) else text
        return super().parse(given.against(GIVEN)).against(given.labels)

    def call(self, text: str | Spec, *arguments: Any) -> Any:
        """Call what `text` names with `arguments` and its settings, the labels left out."""
        spec = self.parse(text)
        return self[spec.name](*arguments, **spec.against(GIVEN).settings)


def _is_own(function: Callable[..., Any]) -> bool:
    return function.__module__.partition(".")[0] == __name__.partition(".")[0]


@cache
def keyword_parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The keyword-only parameters of `function`: its settings."""
    parameters = inspect.signature(function).parameters
    return MappingProxyType(
        {key: value for key, value in parameters.items() if value.kind is value.KEYWORD_ONLY}
    )


@cache
def annotations_of(thing: Callable[..., Any]) -> Mapping[str, Any]:
    """The annotations of a function's parameters or a dataclass's fields, evaluated."""
    return MappingProxyType(get_type_hints(thing, include_extras=True))
