"""Make the screenshots of these pages, of runs that `memest demo` made: needs chromium and playwright.

memest demo && memest audit digits --into out && python docs/make_pictures.py out/report.html
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from memest.data import corrupt, load_images
from memest.seeding import Streams

PICTURES = Path(__file__).parent / "images"
_ASSISTANT = "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1"
"""What MLflow's UI remembers once its assistant has opened beside the page, as it does on a first visit."""


def main() -> None:
    """The audit's report, and the experiment of the demo in MLflow's UI."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        report = chromium.new_page(viewport={"width": 1280, "height": 900})
        with tempfile.TemporaryDirectory() as folder:
            report.goto(_report(Path(folder)).as_uri())
            report.wait_for_timeout(1000)
            report.screenshot(path=PICTURES / "report.png")
        runs = chromium.new_page(viewport={"width": 1420, "height": 1000})
        _shoot_runs(runs)
        chromium.close()


def _report(folder: Path) -> Path:
    """An audit of digits with 5 % of their labels changed."""
    images, _ = corrupt(load_images("digits").train, "symmetric_noise(rate=0.05)", Streams(0))
    arrays = {"images": images.images, "labels": images.labels, "classes": np.array(images.classes)}
    np.savez(folder / "digits.npz", **arrays)
    command = [sys.executable, "-m", "memest", "audit", "digits.npz", "--budget", "1m", "--into", "out"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "out" / "report.html"


def _shoot_runs(page: Any) -> None:
    command = [sys.executable, "-m", "memest", "ui", "--experiment", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            page.add_init_script(f"localStorage.setItem('{_ASSISTANT}', 'true')")
            page.goto(server.stdout.readline().strip(), wait_until="domcontentloaded", timeout=120_000)
            page.locator(".plot-container svg").nth(3).wait_for(timeout=120_000)
            page.wait_for_timeout(8000)
            page.screenshot(path=PICTURES / "runs.png")
        finally:
            server.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
