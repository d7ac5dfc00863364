"""A report in one HTML file: text, tables and pictures inside it, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape

from memest.reports import figures
from memest.reports.sections import Page, Painted, Section
from memest.reports.tables import Table

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}
th,td{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}
img{max-width:100%;margin:.5rem 0}
p.small{color:#666;font-size:13px}
summary{cursor:pointer;color:#666}
"""


def page_html(page: Page, painted: Painted) -> bytes:
    """The whole page.

    Args:
        painted: its pictures, as `painted(page)` gives them.
    """
    title = escape(page.title)
    head = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    body = [part for section in page.sections for part in _section(section, painted)]
    return "\n".join([head, f"<h1>{title}</h1>", *body, _paragraph(page.remark, small=True)]).encode()


def _section(section: Section, painted: Painted) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    if section.said:
        yield _paragraph(section.said)
    if section.table:
        yield from _table(section.table, section.shown)
    for picture in section.pictures:
        figure = painted[picture.name]
        if isinstance(figure, str):
            yield _paragraph(f"{picture.caption}: cannot be shown here: {figure}")
        else:
            data = base64.b64encode(figures.png(figure)).decode()
            yield f'<img alt="{escape(picture.caption)}" src="data:image/png;base64,{data}">'
            yield _paragraph(picture.caption, small=True)


def _table(table: Table, shown: int) -> Iterator[str]:
    """The first rows, and the others folded below; all of them where there are few more or `shown` is 0."""
    rows = table.rows
    few = shown if 0 < shown < len(rows) - 1 else len(rows)
    yield _rows(table.header, rows[:few])
    if few < len(rows):
        rest = _rows(table.header, rows[few:])
        yield f"<details><summary>{len(rows) - few} more rows</summary>{rest}</details>"


def _rows(header: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _paragraph(text: str, small: bool = False) -> str:
    return f"<p{' class=small' if small else ''}>{escape(text)}</p>"
