"""How a setting is drawn: one function each, which asks an Optuna trial.

`int` is one of the names here; nothing else in this file can mean the type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from memest.grammar.registry import Registry
from memest.grammar.values import Index, Positive, Within

DISTRIBUTIONS: Registry[Callable[..., Any]] = Registry("distribution")
Number = Annotated[float, Within()]


class Trial(Protocol):
    """What draws: a trial of Optuna's."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = ...) -> Any: ...

    def suggest_int(self, name: str, low: Any, high: Any) -> Any: ...

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...


@DISTRIBUTIONS.register
def uniform(trial: Trial, name: str, *, low: Number, high: Number) -> Any:
    """A number from `low` to `high`."""
    return trial.suggest_float(name, low, high)


@DISTRIBUTIONS.register
def log(trial: Trial, name: str, *, low: Positive, high: Positive) -> Any:
    """A number from `low` to `high`, as likely in one decade as in another."""
    return trial.suggest_float(name, low, high, log=True)


@DISTRIBUTIONS.register
def int(trial: Trial, name: str, *, low: Index, high: Index) -> Any:
    """A whole number from `low` to `high`, both included."""
    return trial.suggest_int(name, low, high)


@DISTRIBUTIONS.register
def one_of(trial: Trial, name: str, *, options: tuple) -> Any:  # type: ignore[type-arg]  # checked against a plain type
    """One of some values: `one_of(64, 128, 256)`."""
    return trial.suggest_categorical(name, options)
