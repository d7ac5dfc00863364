"""What the paper compares: which columns, in which order, under which names."""

from __future__ import annotations

from collections.abc import Mapping

from memest.paper.published import METHODS, paper_name


def in_paper(column: str) -> bool:
    """Whether the paper compares it."""
    return bool(paper_name(column))


def ordered(methods: Mapping[str, object]) -> list[str]:
    """Methods as tables list them: the paper's in its order, then ours by name."""
    theirs = list(METHODS)
    return sorted(methods, key=lambda m: (theirs.index(p) if (p := paper_name(m)) else len(theirs), m))


def labelled(method: str) -> str:
    """A method with the paper's name for it, if it has one."""
    theirs = paper_name(method)
    return f"{method} ({theirs})" if theirs and theirs.lower() != method else method
