"""A real browser for tests of pages: Debian's chromium, driven by playwright; skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: apt install chromium")

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-gpu-compositing",
    "--disable-software-rasterizer",
    "--disable-threaded-animation",
)
"""Without an emulated GPU, which takes most of the time that a page takes to be drawn."""


@contextmanager
def browser() -> Iterator[Any]:
    """A browser that ends with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS])
        yield opened
        opened.close()
