"""A parser of options for scripts that refuses an option given twice, where argparse takes the last."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class _Once(argparse.Action):
    """Stores a value, and refuses a second one."""

    given = False

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if self.given:
            parser.error(f"{option_string} is given more than once; give it once")
        self.given = True
        setattr(namespace, self.dest, values)


class OnceParser(argparse.ArgumentParser):
    """For one command line; options are spelled in full and given once each."""

    def __init__(self, description: str | None) -> None:
        super().__init__(
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.register("action", None, _Once)
