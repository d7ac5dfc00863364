"""YAML files as they look: UTF-8 in every locale, no key twice, no value that only YAML 1.1 reads so.

Scalars are those of YAML 1.2: `yes`, `off`, `1_000` and `2024-01-01` are text, `1e-2` is a number. What the
two versions read as different numbers, such as `010` or `1:30`, is refused.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from memest.errors import InputError, SettingError, looked_in

_SCALARS = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": (r"<<", "<"),
}
"""By tag: how a plain scalar of it is spelled, and its first characters. The first that fits counts."""
_AMBIGUOUS = re.compile(r"[-+]?0[0-9][0-9_]*(\.[0-9]*)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9]*)?")


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """The mapping that a YAML file holds; an empty file is an empty mapping.

    Args:
        path: of the file.
        what: names its kind in errors, such as `grid file`.

    Raises:
        SettingError: there is no such file, it is not UTF-8 or YAML, holds a key twice, an ambiguous
            number, or no mapping.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise SettingError(f"there is no {what} {path} {looked_in(path)}") from error
    except OSError as error:
        raise SettingError(f"{what} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingError(f"{what} {path}, line {line}: not UTF-8; save it with that encoding") from error
    content = parse_yaml(text, f"{what} {path}")
    if not isinstance(content, dict | None):
        raise SettingError(f"{what} {path} must be a mapping, lines of `name: value`, not {content!r}")
    return content or {}


def parse_yaml(text: str, where: str) -> Any:
    """What YAML text holds.

    Args:
        text: of one document.
        where: names it in errors.

    Raises:
        SettingError: it is not YAML, or not strict; the message has the line.
    """
    try:
        import yaml
    except ImportError as error:
        raise InputError(f"{where} needs the package PyYAML: pip install 'memest[sweep]'") from error
    try:
        return yaml.load(text, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingError(f"{where}{line} is not YAML as memest reads it: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SettingError(f"{where} is not YAML: {' '.join(str(error).split())}") from error


@cache
def _loader() -> Any:
    import yaml
    from yaml.composer import ComposerError
    from yaml.constructor import ConstructorError

    class Strict(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own name for it

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            lines: dict[str, int] = {}
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in lines:
                    again = f"key {key.value!r} is given again (first in line {lines[key.value]})"
                    raise ComposerError(None, None, f"{again}; keep one of them", key.start_mark)
                lines[key.value] = key.start_mark.line + 1
            return node

        def construct_scalar(self, node: Any) -> Any:
            if isinstance(node, yaml.ScalarNode) and not node.style and _AMBIGUOUS.fullmatch(node.value):
                problem = f"{node.value} is not the same number in YAML 1.1 and 1.2"
                way = f"write it as a plain decimal number, or {node.value!r} with quotes for text"
                raise ConstructorError(None, None, f"{problem}; {way}", node.start_mark)
            return super().construct_scalar(node)

    for tag, (pattern, first) in _SCALARS.items():
        characters = [*first, ""] if tag == "null" else list(first)
        Strict.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"({pattern})$"), characters)
    return Strict
