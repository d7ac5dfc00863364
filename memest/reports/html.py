"""A report in one HTML file: text, tables and pictures inside it, nothing loaded from elsewhere.

MLflow shows it in a frame without scripts. Depends on the standard library.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html import escape

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}
th,td{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}
img{max-width:100%;margin:.5rem 0}
p.small{color:#666;font-size:13px}
"""


@dataclass
class Report:
    """Sections in the order they are added.

    Args:
        title: of the page.
    """

    title: str
    _parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """A section's heading."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str, small: bool = False) -> None:
        """A paragraph."""
        self._parts.append(f"<p{' class=small' if small else ''}>{escape(text)}</p>")

    def table(self, header: list[str], rows: list[list[str]]) -> None:
        """A table of cells that are formatted already."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
        self._parts.append(f"<table><tr>{head}</tr>{body}</table>")

    def picture(self, content: bytes, caption: str) -> None:
        """A PNG with a caption."""
        data = base64.b64encode(content).decode()
        self._parts.append(f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">')
        self.text(caption, small=True)

    def html(self) -> bytes:
        """The whole page."""
        title = escape(self.title)
        page = [f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"]
        return "\n".join([*page, f"<h1>{title}</h1>", *self._parts]).encode()
