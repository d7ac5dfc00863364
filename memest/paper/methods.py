"""What the paper compares: which columns, in which order, under which names."""

from __future__ import annotations

from collections.abc import Mapping

from memest.paper.published import METHODS, paper_name


def in_paper(column: str) -> bool:
    """Whether the paper compares it."""
    return bool(paper_name(column))


def ordered(labels: Mapping[str, object]) -> list[str]:
    """Methods as tables list them: the paper's in its order, then ours by name."""
    theirs = list(METHODS)
    place = {label: paper_name(_method(label)) for label in labels}
    return sorted(labels, key=lambda one: (theirs.index(place[one]) if place[one] else len(theirs), one))


def labelled(label: str) -> str:
    """A method with the paper's name for it, if it has one."""
    theirs = paper_name(_method(label))
    return f"{label} ({theirs})" if theirs and theirs.lower() != label else label


def _method(label: str) -> str:
    """The method of a label, which may say in brackets what tells it apart."""
    return label.partition(" (")[0]
