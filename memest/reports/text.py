"""Reports as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memest.reports.sections import Page, Section


def page_text(page: Page) -> str:
    """Every section with the rows that are shown first, and how many more there are; without pictures."""
    said = [page.said] if page.said else []
    pairs = zip(page.sections, page.notes(), strict=True)
    return "\n\n".join([*said, *("\n".join([*_lines(section), *notes]) for section, notes in pairs)])


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in [header, *rows]
    )


def _lines(section: Section) -> Iterator[str]:
    yield section.title
    if section.said:
        yield section.said
    if section.table:
        shown, folded = section.parts()
        yield aligned(section.table.header, shown)
        if folded:
            yield f"({len(folded)} more in report.html)"
