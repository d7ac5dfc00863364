"""The audit's report as a file: nothing of the data can become markup, and it is as small as it is told."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from audited import audited
from PIL import Image

from memest.auditing.findings import Planted, WrongShare
from memest.auditing.headline import headline, percent, sentences
from memest.auditing.listing import listed
from memest.auditing.report import report_html
from memest.data import load_images

SCRIPT = "</script><script>alert(1)</script><b>&amp;\u2028"


def held(html: bytes, name: str) -> str:
    """The text of a script element."""
    found = re.search(f'<script type="[a-z/]+" id="{name}">(.*?)</script>', html.decode(), re.DOTALL)
    assert found
    return found[1]


def test_markup_in_names_is_text_everywhere() -> None:
    """A script in a class name, a file name, a reason or the data spec ends no element and begins none."""
    findings, images = audited()
    plain = report_html(findings, images).decode().lower()
    names = tuple(f"{name}{SCRIPT}" for name in findings.files)
    planted = replace(
        findings,
        classes=tuple(f"{name}{SCRIPT}" for name in findings.classes),
        files=names,
        why=tuple(f"{why}{SCRIPT}" for why in findings.why),
        dataset=f"folder(path='{SCRIPT}')",
        unreadable={SCRIPT: SCRIPT},
        choice={SCRIPT: SCRIPT},
    )
    html = report_html(planted, images)
    for tag in ("<script", "</script", "<b>", "alert(1)</"):
        assert html.decode().lower().count(tag) == plain.count(tag)
    assert json.loads(held(html, "data"))["file"][0].endswith(SCRIPT)


@pytest.mark.parametrize("path", ["photos/", "my photos", "it's", "$HOME", 'say "so"'])
def test_the_command_of_the_page_is_one_that_a_shell_reads(path: str) -> None:
    """A spec is one word of it, in double quotes, which can be read, where nothing forbids them."""
    findings, images = audited()
    spec = f"folder(path={path!r}, on_error=skip)"
    command = json.loads(held(report_html(replace(findings, dataset=spec), images), "data"))["command"]
    assert shlex.split(command)[3:5] == ["--data", spec]
    assert ("--data \"folder(path='photos/'" in command) == (path == "photos/")


def test_equal_findings_give_equal_bytes_and_load_nothing() -> None:
    """No address of a network stands in the page but the namespace of its drawings."""
    findings, images = audited()
    html = report_html(findings, images)
    assert html == report_html(findings, images)
    assert set(re.findall(rb"https?://[\w./]+", html)) <= {b"http://www.w3.org/2000/svg"}


def test_pictures_and_traces_are_those_of_their_rows() -> None:
    """A row's WebP has its image's pixels; its trace rises where its loss does."""
    findings, images = audited()
    html = report_html(findings, images)
    data, text = json.loads(held(html, "data")), held(html, "pictures")
    place = {number: n for n, number in enumerate(images.ids.tolist())}
    starts = np.cumsum([0, *data["lengths"]])
    for row in (0, 7, 399):
        content = base64.b64decode(text[starts[row] : starts[row + 1]])
        pixels = np.asarray(Image.open(io.BytesIO(content)))[..., 0]
        np.testing.assert_array_equal(pixels, images.images[place[data["id"][row]], ..., 0])
    lines = np.frombuffer(gzip.decompress(base64.b64decode(held(html, "traces"))), np.uint8)
    assert findings.losses is not None
    own = findings.losses[:, place[data["id"][3]]]
    np.testing.assert_allclose(
        lines.reshape(400, -1)[3], 255 * np.log1p(own) / np.log1p(findings.losses.max()), atol=1
    )


def test_what_is_no_issue_comes_last() -> None:
    """Issues, the random part and copies have their row and picture before all others."""
    findings, _ = audited()
    first = listed(findings, int((findings.kind != "fine").sum()))
    assert (findings.kind[first] != "fine").all()
    assert (np.diff(findings.rank[first]) > 0).all()
    assert set(findings.sampled.tolist()) <= set(findings.ids[listed(findings, len(first) + 5)].tolist())


@pytest.mark.parametrize("maximum", [150_000, 100_000, 60_000])
def test_a_smaller_file_has_fewer_pictures_and_says_so(maximum: int) -> None:
    """It keeps to its bytes where they suffice for a hundred rows."""
    findings, _ = audited()
    noise = np.random.default_rng(0).integers(0, 256, (400, 64, 64, 3), dtype=np.uint8)
    images = replace(load_images("digits", 400).train, images=noise)
    html = report_html(findings, images, maximum=maximum)
    assert len(html) <= maximum
    assert b"rows have a picture, for the size of this file" in html


def test_the_head_says_what_was_found() -> None:
    """A guess is called a guess, an interval is given after a review, and planted recall is in words."""
    findings, _ = audited()
    wrong = int((findings.kind == "wrong").sum())
    assert headline(findings) == f"{wrong} of 400 labels look wrong"
    guess, planted, copies, unreadable = sentences(findings)
    assert guess == "About 7.0 % of all labels are wrong: a guess of the model, before anybody has looked."
    assert planted.startswith(
        "Of 20 errors planted on purpose, 100 % stand among the first 48 of the list, as"
    )
    assert "; 90 % among the first 36." in planted
    assert "Real errors may be harder" in planted
    assert copies == "2 groups of copies: 1 with conflicting labels."
    assert unreadable == "1 file could not be read."
    reviewed = replace(findings, estimate=WrongShare(0.06, 0.051, 0.08, 120))
    assert "Between 5.1 % and 8.0 % of all labels are wrong (95 % interval" in sentences(reviewed)[0]


def test_findings_without_anything_are_a_report_too() -> None:
    """No issue, nothing planted, no groups, no traces, no suggestion and no probability."""
    findings, images = audited()
    count = len(findings)
    bare = replace(
        findings,
        kind=np.full(count, "fine"),
        planted=None,
        reliability=None,
        groups=(),
        losses=None,
        unreadable={},
        sampled=np.zeros(0, np.int64),
        probability=np.full(count, np.nan),
        suggested=np.full(count, -1),
        estimate=WrongShare(np.nan, np.nan, np.nan, 0),
    )
    html = report_html(bare, images).decode()
    assert "No label of 400 images looks wrong" in html
    assert json.loads(held(html.encode(), "data"))["probability"] == [None] * count
    assert sentences(bare) == []
    none = replace(bare, planted=Planted(0, np.zeros(count, np.int64), ""))
    assert b"No label of" in report_html(none, images)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.0004, "0.0 %"), (0.043, "4.3 %"), (0.5, "50 %"), (0.9999, "99.9 %"), (1, "100 %")],
)
def test_a_share_in_words(share: float, words: str) -> None:
    """Nearly all is not all."""
    assert percent(share) == words
