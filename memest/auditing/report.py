"""The audit's report: one HTML file that opens offline, with pictures, traces and decisions inside it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import resources

from memest.auditing.drawings import planted_curve, reliability_diagram
from memest.auditing.findings import Findings, Integers
from memest.auditing.headline import headline, percent, sentences
from memest.auditing.listing import listed, packed_losses, page_data, page_pictures, script_json
from memest.auditing.tables import expected_wrong
from memest.data import SETS, ImageSet

MAXIMUM = 20_000_000
"""Bytes of a report, unless said otherwise."""
_SCRIPTS = ("data.js", "decisions.js", "card.js", "list.js", "copies.js", "page.js")
_PICTURES = 0.4
"""Share of the bytes that is left to pictures, however many rows there are."""
_DEPTHS = (0.5, 1, 2, 5)
"""Lengths of the list, in multiples of the errors that there are by the guess, at which recall is said."""


def report_html(
    findings: Findings,
    images: ImageSet,
    test: ImageSet | None = None,
    maximum: int = MAXIMUM,
    title: str = "",
    said: Sequence[str] = (),
) -> bytes:
    """The whole report; equal findings give equal bytes.

    Args:
        findings: what was found.
        images: the examples, by id; in memory or mapped.
        test: the test set, for copies that reach into it.
        maximum: bytes; else there are fewer pictures, then fewer rows, and the page says so.
        title: the headline, where it is not the one of an audit.
        said: the sentences below such a headline.
    """
    rows, most = listed(findings), (1 - _PICTURES) * maximum
    while len(plain := _page(findings, rows, [], {}, title, said)) > most and len(rows) > 100:
        rows = listed(findings, len(rows) // 2)
    made, tests = page_pictures(findings, rows, images, test, maximum - len(plain) - 10 * len(rows) - 100_000)
    return _page(findings, rows, made, tests, title, said)


def _page(
    findings: Findings,
    rows: Integers,
    made: list[str],
    tests: dict[str, str],
    title: str,
    said: Sequence[str],
) -> bytes:
    from jinja2 import Environment

    data = page_data(findings, rows)
    data |= {"lengths": [len(text) for text in made], "testPictures": tests, "command": _command(findings)}
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(_asset("report.html.j2")).render(
        findings=findings,
        dataset=_dataset(findings),
        headline=title or headline(findings),
        sentences=said if title else sentences(findings),
        recalls=_recalls(findings),
        planted=planted_curve(findings.planted, expected_wrong(findings))
        if findings.planted and findings.planted.count
        else None,
        reliability=reliability_diagram(findings.reliability) if findings.reliability else None,
        limits=_limits(findings, rows, len(made)),
        style=_asset("report.css"),
        script="\n".join(map(_asset, _SCRIPTS)),
        data=script_json(data),
        traces=packed_losses(findings, rows),
        pictures="".join(made),
    )
    return text.encode()


def _asset(name: str) -> str:
    return resources.files("memest.auditing").joinpath("page", name).read_text(encoding="utf-8")


def _command(findings: Findings) -> str:
    limit = f" --limit {findings.limit}" if findings.limit else ""
    return f"memest apply decisions.csv --data {_word(_dataset(findings))}{limit} --into corrected"


def _word(text: str) -> str:
    """A word of a shell's command, in double quotes where it has single ones, as specs have."""
    plain = "'" in text and not set(text) & set('"$`\\!')
    return f'"{text}"' if plain else shlex.quote(text)


def _dataset(findings: Findings) -> str:
    """The data spec as people read it; that of a recording is no spec."""
    known = findings.dataset.partition("(")[0] in SETS
    return SETS.short(findings.dataset) if known else findings.dataset


def _recalls(findings: Findings) -> list[tuple[str, str]]:
    """How many to look at, and the share of the planted errors among them."""
    planted = findings.planted
    if planted is None or not planted.count:
        return []
    most = expected_wrong(findings)
    lengths = sorted({max(1, min(len(planted.found), round(most * part))) for part in _DEPTHS})
    return [(f"{k:,}", percent(float(planted.found[k - 1] / planted.count))) for k in lengths]


def _limits(findings: Findings, rows: Integers, pictured: int) -> list[str]:
    """What the report leaves out for its size, in words."""
    said = []
    if len(rows) < len(findings):
        said.append(f"The list holds {len(rows):,} of {len(findings):,} images, the most suspicious first.")
    if pictured < len(rows):
        said.append(
            f"The first {pictured:,} of {len(rows):,} rows have a picture, for the size of this file."
        )
    return said
