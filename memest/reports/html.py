"""A report in one HTML file: text, tables and pictures inside it, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from memest.reports import figures
from memest.reports.sections import Page, Painted, Picture, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root{color-scheme:light dark;--text:light-dark(#222,#e6e6e6);--ground:light-dark(#fff,#16181c)}
:root{--quiet:light-dark(#666,#a3a8b0);--line:light-dark(#ddd,#3a3f47)}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
body{color:var(--text);background:var(--ground);overflow-wrap:break-word}
h1{font-size:1.8rem;line-height:1.2}
h2{font-size:1.25rem;line-height:1.3;margin-top:2.2rem}
div.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}
th,td{padding:.2rem .8rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left;padding-left:0}
th{min-width:4.5ch}
td,th:first-child{white-space:nowrap}
td.long{white-space:normal;min-width:14rem}
img{max-width:100%;margin:.5rem 0;background:#fff;border-radius:4px}
p.small{color:var(--quiet);font-size:13px}
p.said{font-size:17px}
summary{cursor:pointer;color:var(--quiet)}
"""


_HEAD = '<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'


_LONG = 40
"""Characters above which a cell may be broken into lines."""


def page_html(page: Page, painted: Painted) -> bytes:
    """The whole page.

    Args:
        painted: its pictures, as `painted(page)` gives them.
    """
    title = escape(page.title)
    head = f"{_HEAD}<title>{title}</title><style>{_STYLE}</style>"
    said = [_paragraph(page.said, "said")] if page.said else []
    pairs = zip(page.sections, page.notes(), strict=True)
    body = [part for section, notes in pairs for part in _section(section, notes, painted)]
    remark = [_folded("How to read this", _paragraph(page.remark, "small"))] if page.remark else []
    return "\n".join([head, f"<h1>{title}</h1>", *said, *body, *remark]).encode()


def _section(section: Section, notes: list[str], painted: Painted) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    if section.said:
        yield _paragraph(section.said, "said")
    if section.table:
        shown, folded = section.parts()
        yield _rows(section.table.header, shown)
        if folded:
            yield _folded(f"{len(folded)} more rows", _rows(section.table.header, folded))
    yield from (_paragraph(note, "small") for note in notes)
    for picture in section.pictures:
        shown_picture = _picture(picture, painted[picture.name])
        yield _folded(picture.caption, shown_picture) if picture.folded else shown_picture


def _picture(picture: Picture, figure: Figure | str) -> str:
    if isinstance(figure, str):
        return _paragraph(f"{picture.caption}: cannot be shown here: {figure}")
    data = base64.b64encode(figures.png(figure)).decode()
    image = f'<img alt="{escape(picture.caption)}" src="data:image/png;base64,{data}">'
    return image if picture.folded else f"{image}\n{_paragraph(picture.caption, 'small')}"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _rows(header: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


def _cell(text: str) -> str:
    return f"<td{' class=long' if len(text) > _LONG else ''}>{escape(text)}</td>"


def _paragraph(text: str, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"
