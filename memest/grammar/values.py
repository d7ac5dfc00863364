"""What a setting may be: types with ranges, written as annotations and checked in one place.

    def symmetric_noise(images, rng, *, rate: Share): ...

declares a keyword that must be a number from 0 to 1. `check` is used for the keywords of every
registered name and for the fields of every configuration.
"""

from __future__ import annotations

import math
import sys
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from memest.errors import SettingError


@dataclass(frozen=True)
class Within:
    """A closed range of numbers; `above` excludes the lower end."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def holds(self, value: float) -> bool:
        """Whether `value` lies in the range; NaN never does."""
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def around(self, noun: str) -> str:
        """The range as an inequality over `noun`: `INT≥1`, `0<NUM≤1`."""
        if self.high == math.inf:
            return f"{noun}{'>' if self.above else '≥'}{self.low:g}"
        return f"{self.low:g}{'<' if self.above else '≤'}{noun}≤{self.high:g}"

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"above {self.low:g}" if self.above else f"of at least {self.low:g}"
        return f"in {'(' if self.above else '['}{self.low:g}, {self.high:g}]"


Share = Annotated[float, Within(0, 1)]
PositiveShare = Annotated[float, Within(0, 1, above=True)]
Positive = Annotated[float, Within(0, above=True)]
NonNegative = Annotated[float, Within(0)]
Count = Annotated[int, Within(1)]
Index = Annotated[int, Within(0)]

_PLACEHOLDERS = {int: "INT", float: "NUM", str: "TEXT", bool: "true|false", type(None): "none"}
_NOUNS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false", type(None): "None"}


def check(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type that `hint` asks for.

    Args:
        value: what was given, already a Python literal.
        hint: a type, `Annotated[type, Within(…)]`, `Literal[…]`, or a union of these.
        where: how to name the setting in an error, such as `symmetric_noise(rate=…)`.

    Raises:
        SettingError: the value is of another type or out of range.
    """
    for option in _options(hint):
        fits, result = _fit(value, option)
        if fits:
            return result
    raise SettingError(f"{where} must be {accepted(hint)}, not {value!r}")


def accepted(hint: Any) -> str:
    """What `hint` accepts, in words: `a number in [0, 1]`."""
    return " or ".join(_describe_one(option) for option in _options(hint))


def placeholder(hint: Any) -> str:
    """What stands for a value in a help: `INT≥1`, `0<NUM≤1`, `{auto,cpu}`, `true|false`."""
    return "|".join(_placeholder_of_one(option) for option in _options(hint))


def _placeholder_of_one(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "{" + ",".join(map(str, get_args(hint))) + "}"
    base, limits = _parts(hint)
    noun = _PLACEHOLDERS.get(base, "VALUE")
    return limits[0].around(noun) if limits else noun


def _describe_one(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    base, limits = _parts(hint)
    noun = _NOUNS.get(base, getattr(base, "__name__", str(base)))
    return " ".join([noun, *map(str, limits)])


def _options(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(option for arm in get_args(hint) for option in _options(arm))
    return (hint,)


def _parts(hint: Any) -> tuple[Any, tuple[Within, ...]]:
    if get_origin(hint) is Annotated:
        base, *limits = get_args(hint)
        return base, tuple(limit for limit in limits if isinstance(limit, Within))
    return hint, ()


def _fit(value: Any, hint: Any) -> tuple[bool, Any]:
    if get_origin(hint) is Literal:
        return any(type(value) is type(arm) and value == arm for arm in get_args(hint)), value
    base, limits = _parts(hint)
    if base is float and type(value) in (int, float):
        if not abs(value) <= sys.float_info.max:  # infinite, NaN, or a whole number beyond any float
            return False, None
        value = float(value) + 0.0  # one spelling of zero
    if type(value) is not base:
        return False, None
    return all(limit.holds(value) for limit in limits), value
