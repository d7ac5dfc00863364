"""The audit's report of many images in a headless browser: its size, how long it takes to open and to filter.

Made images of 64 × 64 pixels in 100 classes, a tenth of them issues; the page is opened from the disk.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.rows import Row, at_most, publish
from memest.auditing.findings import Findings, WrongShare
from memest.auditing.report import MAXIMUM, report_html
from memest.data import ImageSet
from memest.data.decoded import texts
from memest.grammar.once import OnceParser

OPEN_BAR, FILTER_BAR = 2.0, 0.1
CLASSES, EPOCHS, KINDS = 100, 30, 8
_FILTERS = """(labels) => labels.map((label) => {
    const select = document.getElementById("label"), before = performance.now();
    select.value = label;
    select.dispatchEvent(new Event("change"));
    return performance.now() - before;
})"""
_SEARCH = """(words) => words.map((word) => {
    const search = document.getElementById("search"), before = performance.now();
    search.value = word;
    search.dispatchEvent(new Event("input"));
    return performance.now() - before;
})"""


def main() -> None:
    """Make a report, open it several times, filter it, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(Path(folder) / "report.html", options.images, options.times)
    publish("report_size", torch.device("cpu"), rows, settings={"images": options.images})


def measured(path: Path, count: int, times: int) -> list[Row]:
    """The figures of one report."""
    from playwright.sync_api import sync_playwright

    images, findings = made(count)
    began = time.perf_counter()
    path.write_bytes(report_html(findings, images))
    writing = time.perf_counter() - began
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = [_opened(browser, path) for _ in range(times)]
        page = browser.new_page()
        page.goto(path.as_uri())
        page.click("[data-kind=all]")
        filtered = page.evaluate(_FILTERS, [str(n) for n in range(20)])
        searched = page.evaluate(_SEARCH, ["7", "image_0", "says class 9", "", "never saw"])
        browser.close()
    return [
        at_most(MAXIMUM / 1e6, Row("size", path.stat().st_size / 1e6, "MB")),
        at_most(OPEN_BAR, Row("opened, first cards drawn: median", float(np.median(opened)), "s")),
        at_most(OPEN_BAR, Row("opened: slowest", max(opened), "s")),
        at_most(FILTER_BAR, Row("filtered by class: median", float(np.median(filtered)) / 1e3, "s")),
        at_most(FILTER_BAR, Row("filtered by class: slowest", max(filtered) / 1e3, "s")),
        at_most(FILTER_BAR, Row("searched: first", searched[0] / 1e3, "s")),
        at_most(FILTER_BAR, Row("searched: slowest of later ones", max(searched[1:]) / 1e3, "s")),
        Row("written, pictures made", writing, "s"),
    ]


def _opened(browser: Any, path: Path) -> float:
    context = browser.new_context()
    page = context.new_page()
    began = time.perf_counter()
    page.goto(path.as_uri(), wait_until="commit")
    page.locator(".card img").first.wait_for()
    took = time.perf_counter() - began
    context.close()
    return took


def made(count: int) -> tuple[ImageSet, Findings]:
    """Smooth images, and findings of which a tenth are issues."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (KINDS, 8, 8, 3), dtype=np.uint8)
    smooth = np.stack([_enlarged(pixels) for pixels in coarse])[np.arange(count) % KINDS]
    smooth[:, :8, :8] = rng.integers(0, 256, (count, 1, 1, 3), dtype=np.uint8)  # no two are equal
    names = [f"train/class_{n % CLASSES}/image_{n:06d}.jpg" for n in range(count)]
    classes = tuple(f"class {k}" for k in range(CLASSES))
    labels = rng.integers(0, CLASSES, count)
    images = ImageSet(smooth, labels, np.arange(count), classes, "made", names=texts(names))
    suggested = (labels + rng.integers(1, CLASSES, count)) % CLASSES
    kind = np.where(np.arange(count) < count // 10, "wrong", "fine")
    why = [
        f"the network that never saw it says {classes[s]}, .93, and {classes[g]}, .02; its loss stayed high"
        if k == "wrong"
        else ""
        for s, g, k in zip(suggested, labels, kind, strict=True)
    ]
    return images, Findings(
        dataset="made",
        fingerprint="f" * 64,
        classes=classes,
        ids=images.ids,
        files=tuple(names),
        labels=labels,
        suggested=suggested,
        probability=np.linspace(1, 0, count),
        rank=np.arange(1, count + 1),
        kind=kind,
        why=tuple(why),
        estimate=WrongShare(0.1, 0.1, 0.1, 0),
        epochs=np.arange(1, EPOCHS + 1),
        losses=rng.exponential(1, (EPOCHS, count)).astype(np.float32),
    )


def _enlarged(pixels: Any) -> Any:
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
