"""The audit's report in a real browser: opened from disk, and in the frame that MLflow shows it in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audited import audited, findings_of
from browser import browser, needs_browser

from memest.auditing.report import report_html
from memest.data import ImageSet, load_images
from memest.data.corrections import COLUMNS, corrected
from memest.data.decoded import texts

pytestmark = needs_browser
SCRIPT = "<script>document.title='taken'</script>"
FRAME = """
<title>MLflow</title><iframe sandbox="allow-scripts" style="width:100%;height:800px;border:0"></iframe>
<script>
const text = TEXT;
document.querySelector("iframe").src = URL.createObjectURL(new Blob([text], {type: "text/html"}));
</script>
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests of this file."""
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """The report of real digits, opened from the disk; an error of its script fails the test."""
    (tmp_path / "report.html").write_bytes(report_html(*audited(), test=load_images("digits").test))
    with opened(chromium, tmp_path / "report.html") as made:
        yield made


@contextmanager
def opened(chromium: Any, path: Path, **settings: Any) -> Iterator[Any]:
    """The page of a file in a fresh profile; an error of its script fails the test at the end."""
    context = chromium.new_context(**settings)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert not errors


def rows_of(page: Any) -> list[dict[str, str]]:
    """The decisions that a page would export."""
    text = page.locator("#decisions .csv").input_value()
    return list(csv.DictReader(io.StringIO(text)))


def test_keys_decide_and_the_decisions_are_applied(page: Any, tmp_path: Path) -> None:
    """w, r, u and x on the first four, another class for the first: `corrected` reads exactly that."""
    findings, images = audited()
    first = findings.order[:5].tolist()
    for key in ("w", "r", "ArrowDown", "k", "u", "x"):
        page.keyboard.press(key)
    other = int((findings.suggested[first[0]] + 1) % 10)
    page.locator('.card[data-row="0"] select').focus()
    page.locator('.card[data-row="0"] select').select_option(str(other))
    assert [row["decision"] for row in rows_of(page)] == ["wrong", "right", "unsure", "remove"]
    page.click("[data-view=decisions]")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "decisions.csv")
    labels = images.labels.copy()
    labels[first[0]], labels[first[3]] = other, -1
    np.testing.assert_array_equal(corrected(tmp_path / "decisions.csv", images), labels)
    assert "memest apply decisions.csv --data digits --into corrected" in page.inner_text("#command")


def test_decisions_stay_until_they_are_taken_back(page: Any) -> None:
    """Opened again they are there; pressed again one is gone."""
    page.keyboard.press("w")
    page.keyboard.press("u")
    page.reload()
    assert [row["decision"] for row in rows_of(page)] == ["wrong", "unsure"]
    page.locator('.card[data-row="0"] [data-answer=wrong]').click()
    assert [row["decision"] for row in rows_of(page)] == ["unsure"]


def test_every_filter_shows_what_it_names(page: Any) -> None:
    """Kind, given label, suggestion, decision, search and order, against numpy."""
    findings, _ = audited()

    def count() -> int:
        return int(page.inner_text("#count").split()[0].replace(",", "").replace("Nothing", "0"))

    assert count() == (findings.kind != "fine").sum()
    page.click("[data-kind='random part']")
    assert count() == len(findings.sampled)
    assert page.locator(".card .tag", has_text="random part").count() == len(findings.sampled)
    page.click("[data-kind=all]")
    page.select_option("#label", "3")
    assert count() == (findings.labels == 3).sum()
    page.select_option("#suggested", "8")
    assert count() == ((findings.labels == 3) & (findings.suggested == 8)).sum()
    page.select_option("#label", "")
    page.select_option("#suggested", "")
    page.fill("#search", "says 4")
    assert count() == sum("says 4" in why for why in findings.why)
    page.fill("#search", "")
    page.select_option("#sort", "sure")
    least = int(findings.probability.argmin())
    assert page.locator(".card .file").first.inner_text() == findings.files[least]
    page.keyboard.press("Escape")
    page.select_option("#state", "done")
    assert count() == 0


def test_copies_stand_side_by_side_and_can_be_removed(page: Any) -> None:
    """The test image among them has its picture and no button."""
    findings, images = audited()
    page.click("[data-view=copies]")
    assert page.locator(".group").count() == 2
    conflict = page.locator(".group").nth(1)
    assert conflict.locator(".member img").count() == 3
    assert conflict.locator(".member button:not(.picture)").count() == 2
    conflict.locator("[data-remove]").first.click()
    assert rows_of(page)[0] == {
        "fingerprint": images.fingerprint,
        "id": str(findings.groups[1].ids[0]),
        "label": images.classes[images.labels[2]],
        "decision": "remove",
        "new_label": "",
    }


def test_markup_in_names_is_shown_as_text(chromium: Any, tmp_path: Path) -> None:
    """In class and file names, in the list, in selects, in copies, and through the CSV and back."""
    findings, images = audited()
    classes = tuple(f'{name}"{SCRIPT}, x' for name in images.classes)
    planted = replace(images, classes=classes, names=texts([f"{n}{SCRIPT}.png" for n in images.ids.tolist()]))
    found = findings_of(planted, findings.probabilities, findings.losses)
    (tmp_path / "r.html").write_bytes(report_html(found, planted))
    with opened(chromium, tmp_path / "r.html") as page:
        page.keyboard.press("w")
        row = found.order[0]
        assert page.locator(".card .names span").first.inner_text() == classes[found.labels[row]]
        assert page.locator(".card .file").first.inner_text() == found.files[row]
        page.keyboard.press("Enter")
        assert found.files[found.order[1]] in page.inner_text("dialog")
        page.keyboard.press("Escape")
        page.click("[data-view=copies]")
        assert SCRIPT in page.inner_text("#groups")
        assert "taken" not in page.title()
        (tmp_path / "d.csv").write_text(page.locator("#decisions .csv").input_value(), newline="")
    labels = planted.labels.copy()
    labels[row] = found.suggested[row]
    np.testing.assert_array_equal(corrected(tmp_path / "d.csv", planted), labels)


def test_in_the_frame_of_mlflow_decisions_are_text_to_copy(chromium: Any, tmp_path: Path) -> None:
    """Storage throws there, downloads do nothing: the CSV is in sight, and it can be copied."""
    text = json.dumps(report_html(*audited()).decode()).replace("<", "\\u003c")
    (tmp_path / "mlflow.html").write_text(FRAME.replace("TEXT", text))
    with opened(chromium, tmp_path / "mlflow.html") as page:
        frame = page.frame_locator("iframe")
        frame.locator(".card").first.wait_for()
        frame.locator('.card[data-row="0"] [data-answer=wrong]').click()
        box = frame.locator("#memory .csv")
        assert box.is_visible()
        assert box.input_value().splitlines()[0] == ",".join(COLUMNS)
        assert ",wrong," in box.input_value()
        frame.locator("#memory .copy").click()
        assert frame.locator("#memory .copy").inner_text() == "Copied"
        frame.locator("#kinds [data-kind=all]").click()
        assert frame.locator(".trace path.own").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_needs_no_sideways_scrolling(chromium: Any, tmp_path: Path, scheme: str) -> None:
    """At 400 pixels every view is as wide as the window, in both colour schemes."""
    (tmp_path / "r.html").write_bytes(report_html(*audited()))
    size = {"width": 400, "height": 800}
    with opened(chromium, tmp_path / "r.html", viewport=size, color_scheme=scheme) as page:
        for view in ("copies", "trust", "decisions", "labels"):
            page.click(f"[data-view={view}]")
            assert page.evaluate("document.documentElement.scrollWidth") == 400
        dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (dark == "rgb(255, 255, 255)") == (scheme == "light")


def many(count: int) -> ImageSet:
    """As many images, of eight pictures."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)[np.arange(count) % 8]
    names = texts([f"train/some_class/image_{n:06d}.jpg" for n in range(count)])
    classes = tuple(f"class {k}" for k in range(100))
    return ImageSet(pixels, rng.integers(0, 100, count), np.arange(count), classes, "made", names=names)


def test_fifty_thousand_rows_are_filtered_at_once(chromium: Any, tmp_path: Path) -> None:
    """Within 100 ms of a key, on a quiet machine; the test allows five times as much for a busy one."""
    images = many(50_000)
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(100, 0.05), 50_000).astype(np.float32)
    losses = rng.exponential(1, (20, 50_000)).astype(np.float32)
    html = report_html(findings_of(images, p, losses), images, maximum=8_000_000)
    assert len(html) <= 8_000_000
    (tmp_path / "r.html").write_bytes(html)
    with opened(chromium, tmp_path / "r.html") as page:
        page.click("[data-kind=all]")
        assert page.inner_text("#count").endswith("shown")
        assert page.locator(".card").count() < 40
        spent = page.evaluate(
            """() => ["1", "2", "3"].map((label) => {
                const before = performance.now();
                document.getElementById("label").value = label;
                document.getElementById("label").dispatchEvent(new Event("change"));
                return performance.now() - before;
            })"""
        )
        assert np.median(spent) < 500
        page.keyboard.press("End")
        assert page.locator(".card.current").is_visible()
