"""The documentation as a site: its page of names is what the functions say, and every page is reached."""

from __future__ import annotations

import runpy
from pathlib import Path

from memest.grammar.strict_yaml import read_yaml

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_names_is_made_from_the_functions() -> None:
    """Made anew it is the same."""
    made = runpy.run_path(str(DOCS / "make_names.py"))
    assert made["page"]() == made["PAGE"].read_text(encoding="utf-8"), (
        "a name or docstring is new: make names"
    )


def test_no_heading_has_a_setting() -> None:
    """The site's table of contents drops what looks like an attribute, `id=…`, and leaves its tag open."""
    lines = [line for path in DOCS.rglob("*.md") for line in path.read_text(encoding="utf-8").splitlines()]
    assert not [line for line in lines if line.startswith("#") and " id=" in line]


def test_every_page_is_in_the_navigation() -> None:
    """And nothing else is."""
    sections = read_yaml(DOCS.parent / "mkdocs.yml", "site")["nav"]
    pages = [page for section in sections for page in _pages(*section.values())]
    assert sorted(pages) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def _pages(entry: str | list[dict[str, str]]) -> list[str]:
    return [entry] if isinstance(entry, str) else [page for item in entry for page in item.values()]
