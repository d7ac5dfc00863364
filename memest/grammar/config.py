"""Configurations: frozen dataclasses whose fields are the flags, the MLflow parameters and the run key.

A field's annotation is its check (`values.Count`), `field(metadata={"help": …})` its help text; a
nested dataclass adds its fields to the same flat list. `metadata={"key": False}` marks a field that
cannot change the numbers and therefore stays out of the key.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from memest.errors import SettingError, UnknownNameError
from memest.grammar.registry import Registry, annotations_of
from memest.grammar.spec import literal
from memest.grammar.values import check, placeholder

C = TypeVar("C")


def option(
    default: Any,
    text: str,
    key: bool = True,
    read: Callable[[str], str] | None = None,
    bare: bool = False,
    repeated: bool = False,
    shown: str = "",
    needed: bool = False,
) -> Any:
    """A field of a configuration: its default, its help text, whether it belongs to the key.

    Args:
        read: makes text canonical, or refuses it; `one(SETS)` for a field that holds a dataset.
        bare: on a command line it may be given as the first word, without its flag.
        repeated: its flag may be given several times; the texts are joined by commas.
        shown: what stands for its value in a help, such as URI; empty: what its type says.
        needed: the command refuses to do anything without it, or without one that takes its place.
    """
    metadata = {
        "help": text,
        "key": key,
        "read": read,
        "bare": bare,
        "repeated": repeated,
        "shown": shown,
        "needed": needed,
    }
    return dataclasses.field(default=default, metadata=metadata)


def one(registry: Registry[Any] | Callable[[], Registry[Any]]) -> Callable[[str], str]:
    """Reads a single spec of a registry.

    Args:
        registry: itself, or a function that imports it where that import is expensive.
    """
    return lambda text: str((registry if isinstance(registry, Registry) else registry()).parse(text))


@dataclasses.dataclass(frozen=True)
class Flag:
    """One flat setting of a configuration: what a flag, an MLproject parameter or a YAML key sets."""

    name: str
    hint: Any
    default: Any
    help: str
    in_key: bool
    canonical: Callable[[str], str] | None
    bare: bool = False
    repeated: bool = False
    shown: str = ""
    needed: bool = False

    @property
    def typed(self) -> str:
        """The flag as it is typed: `--batch-size`."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def placeholder(self) -> str:
        """What stands for its value in a help: `INT≥1`, `SPEC`, `{auto,cpu}`."""
        return self.shown or ("SPEC" if self.canonical else placeholder(self.hint))

    def read(self, text: Any) -> Any:
        """`text`, as given on a command line or in YAML, checked and made canonical.

        Raises:
            InputError: a name is unknown, or the value of another type or out of range.
        """
        if self.canonical is not None:
            if self.placeholder == "SPEC" and self.default and not str(text).strip():
                raise SettingError(f"{self.typed} came empty; expected a name, such as {self.default}")
            return self.canonical(str(text))
        if self.hint is str and self.default and isinstance(text, str) and not text.strip():
            raise SettingError(f"{self.typed} came empty; leave it out for {self.default}, or give a value")
        value = text if self.hint is str or not isinstance(text, str) else literal(text)
        return check(value, self.hint, self.typed)


def flags(kind: type[Any]) -> dict[str, Flag]:
    """Every flat setting of a configuration class, by name, in declared order."""
    return dict(_flags(kind))  # type: ignore[arg-type]  # mypy doubts that classes can be hashed


@functools.cache
def _flags(kind: type[Any]) -> dict[str, Flag]:
    hints = annotations_of(kind)  # type: ignore[arg-type]  # likewise
    found: dict[str, Flag] = {}
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            found |= _flags(hints[field.name])
        else:
            meta = field.metadata
            found[field.name] = Flag(
                field.name,
                hints[field.name],
                field.default,
                meta["help"],
                meta["key"],
                meta["read"],
                meta["bare"],
                meta["repeated"],
                meta["shown"],
                meta["needed"],
            )
    return found


def build(kind: Callable[..., C], settings: Mapping[str, Any]) -> C:
    """A configuration from flat settings; what is not given takes its default.

    Plain values are checked first, specs after them, defaults last: a wrong number is refused before the
    registry of a spec is imported.

    Raises:
        UnknownNameError: a setting that the configuration does not have.
        InputError: a value of the wrong type or out of range, or an unknown name.
    """
    known = flags(kind)  # type: ignore[arg-type]  # a dataclass is both a type and its constructor
    for name in settings:
        if name not in known:
            raise UnknownNameError("setting", name, known)
    order = sorted(known, key=lambda name: 2 if name not in settings else known[name].canonical is not None)
    checked = {name: known[name].read(settings.get(name, known[name].default)) for name in order}
    built: C = _assemble(kind, checked)
    return built


def _assemble(kind: Any, values: Mapping[str, Any]) -> Any:
    hints = annotations_of(kind)
    return kind(
        **{
            field.name: _assemble(hints[field.name], values)
            if dataclasses.is_dataclass(hints[field.name])
            else values[field.name]
            for field in dataclasses.fields(kind)
        }
    )


def flatten(config: Any) -> dict[str, Any]:
    """The flat settings of a configuration, by name, in declared order."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        flat |= flatten(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return flat


def key_settings(config: Any) -> dict[str, Any]:
    """The flat settings that decide the numbers: those of the run key."""
    known = flags(type(config))
    return {name: value for name, value in flatten(config).items() if known[name].in_key}


def digest(*parts: Any) -> str:
    """SHA-256, in hex, of JSON-ready parts; key order does not matter."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
