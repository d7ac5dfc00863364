"""The one grammar: a name with literal keywords, `symmetric_noise(rate=0.05)`.

It names every dataset, corruption, model, score and summary, on the command line, in YAML, in MLflow
values and in the manifest of a sheet. Text is parsed, never executed. A value is a Python literal,
`true`, `false`, or a bare word (`path=images/mine.npz`) that is taken as text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from memest.errors import SettingError

_CALL = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*(?:\((?P<keywords>.*)\))?\s*", re.DOTALL)
_KEYWORD = re.compile(r"\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>.*\S)\s*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_CONSTANTS = {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}
_LABELS = "labels"
GIVEN = "given"
"""The labels that a network was trained on: what everything is measured against unless it says otherwise."""
SEEN = "seen/"
"""What keys of online scores and summaries begin with: taken from the training batches themselves."""


@dataclass(frozen=True)
class Spec:
    """A name and its keywords, in the order the registered function declares them.

    `str(spec)` is canonical: equal specs print alike, and parsing gives the spec back.
    """

    name: str
    keywords: tuple[tuple[str, Any], ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Spec:
        """The spec that `text` spells; no name is looked up and no default filled in.

        Raises:
            SettingError: `text` is not a name with keywords in parentheses.
        """
        match = _CALL.fullmatch(text)
        if match is None:
            raise SettingError(f"expected name(keyword=value, …), not {text!r}")
        pairs = [_keyword(part, text) for part in split_list(match["keywords"] or "")]
        keys = [key for key, _ in pairs]
        if repeated := {key for key in keys if keys.count(key) > 1}:
            raise SettingError(f"{min(repeated)}= is given twice in {text!r}")
        return cls(match["name"], tuple(pairs))

    @property
    def settings(self) -> dict[str, Any]:
        """The keywords as a mapping, ready for `**`."""
        return dict(self.keywords)

    @property
    def labels(self) -> str:
        """The name of the labels it is measured against, `true` of `loss(labels=true)`; `given` by default.

        Raises:
            SettingError: what stands there is not a name with keywords.
        """
        value = self.settings.get(_LABELS, GIVEN)
        if value is True or value == GIVEN:
            return _spell(value)
        if not isinstance(value, str):
            raise SettingError(f"{self.name}(labels=…) must be given, true, or other labels, not {value!r}")
        return str(Spec.parse(value))

    def against(self, labels: str) -> Spec:
        """The same measured against the labels of that name; `given` is left out, as it changes no key."""
        kept = tuple(pair for pair in self.keywords if pair[0] != _LABELS)
        named = () if labels == GIVEN else ((_LABELS, literal(labels)),)
        return replace(self, keywords=kept + named)

    def __str__(self) -> str:
        inside = ", ".join(f"{key}={_spell(value)}" for key, value in self.keywords)
        return f"{self.name}({inside})" if inside else self.name

    @property
    def unusual(self) -> tuple[tuple[str, Any], ...]:
        """The keywords that are not at their defaults."""
        return tuple(pair for pair in self.keywords if pair not in self.defaults)

    def short(self) -> str:
        """The canonical text without the keywords at their defaults: for people; parses to the same."""
        return str(Spec(self.name, self.unusual))

    def slug(self) -> str:
        """The name plus each keyword that is not at its default, in characters MLflow keys allow.

        `curvature(step=0.001, probes=5, power=1)` is `curvature.probes-5`.
        """
        return ".".join([self.name, *(f"{key}-{_clean(value)}" for key, value in self.unusual)])


def split_list(text: str) -> list[str]:
    """The parts of a comma-separated list; commas inside brackets or quotes do not separate.

    Raises:
        SettingError: a bracket or quote is left open, or a part is empty.
    """
    parts = [text[start:stop].strip() for start, stop in _spans(text)]
    if parts == [""]:
        return []
    if "" in parts:
        raise SettingError(f"an empty item stands between commas in {text!r}")
    return parts


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start, depth, quote, escaped = 0, 0, "", False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = character == "\\"
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield start, position
            start = position + 1
    if depth or quote:
        raise SettingError(f"a bracket or quote is not closed in {text!r}")
    yield start, len(text)


def _keyword(part: str, text: str) -> tuple[str, Any]:
    match = _KEYWORD.fullmatch(part)
    if match is None:
        raise SettingError(f"expected keyword=value, not {part!r}, in {text!r}")
    return match["key"], literal(match["value"])


def literal(text: str) -> Any:
    """`text` as a Python literal if it is one, as `true`, `false` or `none`, else as the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WORD.fullmatch(text):  # no Python literal is a word, the constants apart
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def _spell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, str) and _WORD.fullmatch(value) and literal(value) == value:
        return value
    return repr(value)


def _clean(value: Any) -> str:
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace("+", "")
    if isinstance(value, int):
        return _spell(value)
    return re.sub(r"[^\w./-]+", "-", _spell(value), flags=re.ASCII).strip("-")


def is_online(key: str) -> bool:
    """Whether a key is of what training itself saw."""
    return key.startswith(SEEN)


def without_seen(key: str) -> str:
    """The key of the same score or summary in evaluation mode, without augmentation."""
    return key.removeprefix(SEEN)


def split_seen(key: str) -> tuple[str, str]:
    """What comes before the clean key, `seen/` or nothing, and the clean key."""
    return (SEEN if is_online(key) else ""), without_seen(key)
